#!/bin/sh
# Makes what a gateway needs of a PostgreSQL server: a login that is no superuser, its database, and pgvector in it.
# Run it as a superuser, with psql's own variables (PGHOST, PGUSER, …) and the login's password in VECTORGATE_DB_PASSWORD.
set -eu
psql --dbname=postgres --no-psqlrc --set=ON_ERROR_STOP=1 --set=password="$VECTORGATE_DB_PASSWORD" <<'SQL'
create role vectorgate login password :'password';
create database vectorgate owner vectorgate;
\connect vectorgate
create extension vector schema public;
SQL
