# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Whether the servers installed can read the data that is there. Those of another release refuse to
# start on it, each in its own log and words, so it is seen before anything is started. The way up is
# in docs/operations.md, "Upgrading the servers".
servers=/usr/lib/postgresql
way_up="$root/docs/operations.md, \"Upgrading the servers\""

# Sets postgres_bin: the server that made the database, or for a new one the newest. A client has a folder
# there too.
choose_postgres() {
    [ -z "$database_host" ] || return 0
    local newest version note=$state/postgresql/data/PG_VERSION
    newest=$(find "$servers" -path "$servers/*/bin/postgres" -printf '%P\n' | sort -V | tail -n 1)
    newest=${newest%%/*}
    [ -n "$newest" ] || die "no PostgreSQL server is in $servers; install the package postgresql"
    version=$newest
    [ ! -f "$note" ] || version=$(<"$note")
    postgres_bin=$servers/$version/bin
    [ -x "$postgres_bin/postgres" ] || die "the database in $state/postgresql is of PostgreSQL $version, whose server is not installed.
  Nothing was started or changed. Either install it (postgresql-$version; a machine that was upgraded to
  another Debian has it still), or bring the database to PostgreSQL $newest: $way_up"
    [ "$version" = "$newest" ] ||
        say "the database stays with PostgreSQL $version, which made it; to go on to $newest see $way_up"
}

installed_rabbitmq() { dpkg-query -W -f '${source:Upstream-Version}\n' rabbitmq-server; }

# The version that wrote the broker's data; nothing where there is none. From before it was noted down
# there are only the features in use to tell it by.
rabbitmq_of_data() {
    local features=$state/rabbitmq/data/$broker_node-feature_flags
    [ -d "$state/rabbitmq/data/$broker_node" ] || return 0
    if [ -s "$state/etc/rabbitmq.version" ]; then
        cat "$state/etc/rabbitmq.version"
    elif grep -qs rabbitmq_4 "$features"; then
        grep -o 'rabbitmq_4[0-9.]*' "$features" | cut -d _ -f 2 | sort -V | tail -n 1
    elif grep -qs message_containers "$features"; then
        say 3.13
    else
        say 3.10
    fi
}

# can_read RABBITMQ DATA: versions only go up, and some must not be left out on the way.
can_read() {
    local to from
    to=$(cut -d . -f 1,2 <<<"$1")
    from=$(cut -d . -f 1,2 <<<"$2")
    [ "$from" != "$to" ] || return 0
    [ "$(printf '%s\n' "$from" "$to" | sort -V | head -n 1)" = "$from" ] || return 1
    case $from in
    3.13) [[ $to == 4.[0-2] ]] ;;
    3.*) [ "$to" = "3.$((${from#3.} + 1))" ] ;;
    esac
}

check_broker_data() {
    [ -z "$rabbitmq_host" ] || return 0
    local installed data
    installed=$(installed_rabbitmq)
    data=$(rabbitmq_of_data)
    [ -z "$data" ] || can_read "$installed" "$data" ||
        die "the broker's data in $state/rabbitmq is of RabbitMQ $data, which RabbitMQ $installed cannot read.
  Nothing was started or changed. Accepted events may wait in it: let RabbitMQ $data run until its queues are
  empty, then deploy/down, move $state/rabbitmq/data away, and run deploy/up again.
  Each step, also when that RabbitMQ is gone already: $way_up"
}

check_data() {
    # shellcheck disable=SC1091
    . "$state/settings"
    choose_postgres
    check_broker_data
}
