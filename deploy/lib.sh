# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What deploy/up, deploy/down and deploy/env share: where things lie, and how a process is started,
# found again and stopped.
#
# Every process leads a session of its own, so that what it has started is found even when it is gone
# itself, and has a file <state>/run/<name>.pid: its pid, its start in clock ticks, and the boot they
# count from.
#
# Under root each server has a user and one folder of its own, for its data. Root neither writes nor
# changes anything in there: whoever owns a folder may put a link where root expects a file. Settings
# and logs lie in folders of root's, and a log is opened before the rights are dropped.
set -euo pipefail
umask 077

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -n "${HOLDFAST_STATE:-}" ]; then
    state=$(realpath -m "$HOLDFAST_STATE")
elif [ "$(id -u)" = 0 ]; then
    state=/var/lib/holdfast
else
    state=${XDG_STATE_HOME:-$HOME/.local/state}/holdfast
fi

say() { printf '%s\n' "$*"; }
die() {
    printf 'holdfast: %s\n' "$*" >&2
    exit 1
}

# become USER COMMAND...: goes on as COMMAND, as USER when we are root; as we are when USER is empty.
become() {
    local user=$1
    shift
    if [ -n "$user" ] && [ "$(id -u)" = 0 ]; then
        set -- setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups "$@"
    fi
    exec "$@"
}

# attempt SECONDS WHAT LOG USER COMMAND...: runs COMMAND as USER, its output added to LOG.
attempt() {
    local seconds=$1 what=$2 log=$3 user=$4 status=0
    shift 4
    (become "$user" timeout --foreground -k 5 "$seconds" "$@") >>"$log" 2>&1 || status=$?
    [ "$status" = 0 ] || die "$what $(ended "$status" "$seconds"); see $log"
}

# ended STATUS SECONDS: what became of a command under timeout(1).
ended() {
    case $1 in
    124 | 137) printf 'did not end within %s s' "$2" ;;
    *) printf 'failed with status %s' "$1" ;;
    esac
}

boot() { cat /proc/sys/kernel/random/boot_id; }

# When a process started, in clock ticks since boot: tells it from a later one with the same pid.
# Nothing when it has ended.
started() {
    local stat=
    IFS= read -rd '' stat <"/proc/$1/stat" || true
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    [ "${1:-Z}" = Z ] || printf '%s' "${20}"
} 2>/dev/null

remember() { # name pid
    local start
    start=$(started "$2")
    printf '%s %s %s\n' "$2" "${start:-0}" "$(boot)" >"$state/run/$1.pid"
}

# spawn NAME USER COMMAND...: a process of its own session that outlives this script.
spawn() {
    local name=$1 user=$2
    shift 2
    become "$user" setsid "$@" </dev/null >>"$state/log/$name.log" 2>&1 &
    remember "$name" $!
    disown 2>/dev/null || true # it may have ended already
}

# The pids of a process we started and of what it has started, each with its parent; status 1 when
# all have ended.
members() {
    local leader start boot now stat found=
    [ -r "$state/run/$1.pid" ] && read -r leader start boot <"$state/run/$1.pid" || return 1
    [ "${boot:-$(boot)}" = "$(boot)" ] || return 1
    now=$(started "$leader")
    [ "${now:-$start}" = "$start" ] || return 1
    for stat in /proc/[0-9]*/stat; do
        IFS= read -rd '' stat <"$stat" || true
        # shellcheck disable=SC2086
        set -- "${stat%% *}" ${stat##*) } # pid, state, parent, group, session
        [ "$1" = "$leader" ] || [ "${5:-}" = "$leader" ] || continue # its session begins after it
        [ "$2" != Z ] || continue
        printf '%s %s\n' "$1" "$3"
        found=1
    done
    [ -n "$found" ]
} 2>/dev/null

running() { members "$1" >/dev/null; }

# stop NAME [SIGNAL] [SECONDS]: asks, waits, and in the end insists. It returns when nothing of it runs.
stop() {
    local name=$1 all pid parent
    if all=$(members "$name"); then
        while read -r pid parent; do
            # Who has a parent in here is stopped by that.
            grep -q "^$parent " <<<"$all" || kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
        done <<<"$all"
        if ! await_end "$name" "${3:-30}"; then
            say "$name did not stop within ${3:-30} s; killing it"
            # shellcheck disable=SC2046
            kill -KILL $(members "$name" | cut -d ' ' -f 1) 2>/dev/null || true
            await_end "$name" 10 || die "$name still runs, pids" $(members "$name" | cut -d ' ' -f 1)
        fi
    fi
    rm -f "$state/run/$name.pid"
}

await_end() { # NAME SECONDS
    local deadline=$((SECONDS + $2))
    while running "$1"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# Ends this script where a server works in FOLDER that no pid file names.
refuse_strays() { # FOLDER
    local process where
    for process in /proc/[0-9]*; do
        where=$(readlink "$process/cwd" 2>/dev/null || true)
        [[ $where/ != "$1"/* ]] || die "process ${process##*/} works in $1 and was not started by deploy/up; end it first"
    done
}

# free_port PREFERRED: that port of loopback if nobody listens there, else any free one.
free_port() {
    /usr/bin/python3 - "$1" <<'PY'
import socket, sys
for port in (int(sys.argv[1]), 0):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(s.getsockname()[1])
        break
PY
}

secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# The environment of the private broker's programs. Its log is its output.
broker_environment() {
    # shellcheck disable=SC2154
    printf '%s\n' HOME="$state/rabbitmq" RABBITMQ_HOME=/usr/lib/rabbitmq \
        RABBITMQ_NODENAME="$broker_node" RABBITMQ_MNESIA_BASE="$state/rabbitmq/data" \
        RABBITMQ_LOGS=- RABBITMQ_LOG_BASE="$state/rabbitmq/log" \
        RABBITMQ_CONFIG_FILE="$state/etc/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$state/etc/enabled_plugins" \
        RABBITMQ_PID_FILE="$state/rabbitmq/pid" RABBITMQ_DIST_PORT="$broker_dist_port" \
        ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$broker_epmd_port" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
}

# broker COMMAND...: a program of RabbitMQ, as its user.
broker() {
    local environment
    mapfile -t environment < <(broker_environment)
    (become rabbitmq env -C "$state/rabbitmq" "${environment[@]}" "$@")
}
