#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the cluster in an empty volume, with POSTGRES_INITDB_ARGS and the superuser's password from
# POSTGRES_PASSWORD_FILE, and lets whoever has a password in from the network; then runs the server.
set -eu
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    # shellcheck disable=SC2086
    initdb --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-}
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
fi
exec "$@"
