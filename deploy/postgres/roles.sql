-- The roles that the services connect as, and the database they share. For a superuser, with psql 15 or newer,
-- before the first `executor migrate`; safe to repeat, also to give new passwords. The passwords are read from the
-- environment:
--
--   export SENTINAI_OWNER_PASSWORD=… SENTINAI_EXECUTOR_PASSWORD=… SENTINAI_MATCHER_PASSWORD=… SENTINAI_BACKUP_PASSWORD=…
--   psql --file deploy/postgres/roles.sql --set database=sentinai
--
-- sentinai_owner     owns the tables and migrates; no service runs as it
-- sentinai_executor  executor and worker; cannot change or delete events
-- sentinai_matcher   matcher; reads the catalogue and nothing else
-- sentinai_backup    dumps; the only one that reads past row-level security
--
-- What each may do with which table is granted by `executor migrate`.

\set ON_ERROR_STOP on
\if :{?database}
\else
  \set database sentinai
\endif
\getenv owner_password SENTINAI_OWNER_PASSWORD
\getenv executor_password SENTINAI_EXECUTOR_PASSWORD
\getenv matcher_password SENTINAI_MATCHER_PASSWORD
\getenv backup_password SENTINAI_BACKUP_PASSWORD

SELECT format('CREATE ROLE %I', role)
FROM unnest(ARRAY['sentinai_owner', 'sentinai_executor', 'sentinai_matcher', 'sentinai_backup']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec

ALTER ROLE sentinai_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
ALTER ROLE sentinai_executor LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'executor_password';
ALTER ROLE sentinai_matcher LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'matcher_password';
ALTER ROLE sentinai_backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS PASSWORD :'backup_password';
GRANT pg_read_all_data TO sentinai_backup;

SELECT format('CREATE DATABASE %I OWNER sentinai_owner', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec

REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO sentinai_executor, sentinai_matcher, sentinai_backup;
