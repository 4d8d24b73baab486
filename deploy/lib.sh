# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What deploy/up, deploy/down and deploy/env share: where things lie, and how a process is started,
# found again and stopped. Every process has a file <state>/run/<name>.pid; a pid counts only while
# the program behind it is the one we started.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -n "${HOLDFAST_STATE:-}" ]; then
    state=$HOLDFAST_STATE
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

# The newest server installed; nothing when there is none.
find_postgres() { find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1 || true; }

# as USER COMMAND...: drops to USER when we are root, else runs as we are.
as() { (become "$@"); }

become() {
    local user=$1
    shift
    [ "$(id -u)" != 0 ] || set -- setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups "$@"
    exec "$@"
}

# The pid of a process we started, if it still runs.
running() {
    local name=$1 pid start
    [ -r "$state/run/$name.pid" ] || return 1
    read -r pid start <"$state/run/$name.pid" || return 1
    [ "$(started "$pid")" = "$start" ] || return 1
    printf '%s' "$pid"
}

# When a process started, in clock ticks since boot: tells it from a later one with the same pid.
started() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    [ "$1" = Z ] || printf '%s' "${20}"
}

remember() { # name pid
    printf '%s %s\n' "$2" "$(started "$2")" >"$state/run/$1.pid"
}

# attempt SECONDS WHAT LOG COMMAND...: runs COMMAND, its output added to LOG.
attempt() {
    local seconds=$1 what=$2 log=$3 status=0
    shift 3
    timeout --foreground -k 5 "$seconds" "$@" >>"$log" 2>&1 || status=$?
    [ "$status" = 0 ] || die "$what $(ended "$status" "$seconds"); see $log"
}

# ended STATUS SECONDS: what became of a command under timeout(1).
ended() {
    case $1 in
    124 | 137) printf 'did not end within %s s' "$2" ;;
    *) printf 'failed with status %s' "$1" ;;
    esac
}

# wait_until SECONDS WHAT COMMAND...: polls until COMMAND succeeds.
wait_until() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || die "$what did not come up in time; its log is in $state/log"
        sleep 0.1
    done
}

# stop NAME [SIGNAL] [SECONDS]: asks, waits, and in the end insists.
stop() {
    local name=$1 pid deadline=$((SECONDS + ${3:-30}))
    pid=$(running "$name") || {
        rm -f "$state/run/$name.pid"
        return 0
    }
    kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
    while running "$name" >/dev/null; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "$name (pid $pid) did not stop in time; killing it"
            kill -KILL "$pid" 2>/dev/null || true
            break
        fi
        sleep 0.1
    done
    rm -f "$state/run/$name.pid"
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

# The environment of the private broker's programs.
broker_environment() {
    # shellcheck disable=SC2154
    printf '%s\n' HOME="$state/rabbitmq" RABBITMQ_HOME=/usr/lib/rabbitmq \
        RABBITMQ_NODENAME="$broker_node" RABBITMQ_MNESIA_BASE="$state/rabbitmq/data" \
        RABBITMQ_LOG_BASE="$state/log/rabbitmq" RABBITMQ_CONFIG_FILE="$state/rabbitmq/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$state/rabbitmq/enabled_plugins" \
        RABBITMQ_PID_FILE="$state/rabbitmq/pid" RABBITMQ_DIST_PORT="$broker_dist_port" \
        ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$broker_epmd_port" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
}

broker() { # a RabbitMQ program with its arguments
    local environment
    mapfile -t environment < <(broker_environment)
    as rabbitmq env -C "$state/rabbitmq" "${environment[@]}" "$@"
}
