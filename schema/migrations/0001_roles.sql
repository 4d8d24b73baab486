-- SPDX-License-Identifier: Apache-2.0
-- Who may do what. Everything belongs to holdfast_owner, which nobody logs in as; logins are
-- members of the group roles and own nothing:
--   holdfast_writer    what a consumer needs and no more
--   holdfast_reader    SELECT, nothing else
--   holdfast_migrator  may become the owner to run the next migrations
-- Roles belong to the whole server, so another database's migration may be making them right now.

DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'database % has encoding %, Holdfast needs UTF8',
            current_database(), current_setting('server_encoding')
            USING HINT = 'create it with ENCODING ''UTF8'' TEMPLATE template0';
    END IF;
END $$;

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['holdfast_owner', 'holdfast_writer', 'holdfast_reader', 'holdfast_migrator'] LOOP
        IF to_regrole(role_name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
    IF NOT pg_has_role('holdfast_migrator', 'holdfast_owner', 'MEMBER') THEN
        BEGIN
            GRANT holdfast_owner TO holdfast_migrator;
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END IF;
    -- A superuser is a member of every role already.
    IF NOT pg_has_role('holdfast_owner', 'MEMBER') THEN
        EXECUTE format('GRANT holdfast_owner TO %I', current_user);
    END IF;
END $$;

DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO holdfast_owner, holdfast_writer, holdfast_reader, holdfast_migrator',
                   current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO holdfast_writer', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO holdfast_owner;
GRANT USAGE ON SCHEMA public TO holdfast_writer, holdfast_reader, holdfast_migrator;

SET LOCAL ROLE holdfast_owner;

ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO holdfast_reader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TABLE schema_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON schema_migrations TO holdfast_writer, holdfast_migrator;
COMMENT ON TABLE schema_migrations IS 'Which migrations were applied, with the checksum of each file.';
