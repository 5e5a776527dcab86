#!/bin/sh
# handwritten.sh NAME PASSWORD: a database with a login of its own, as one makes it by hand on a host with PostgreSQL.
# The administrator is who libpq's environment says (PGHOST, PGPORT, PGUSER).
set -eu
name=$1
password=$2

psql -qX -d postgres -c "CREATE ROLE $name LOGIN PASSWORD '$password'"
createdb "$name"
psql -qX -v ON_ERROR_STOP=1 -d "$name" <<SQL
REVOKE ALL ON DATABASE $name FROM PUBLIC;
GRANT CONNECT, CREATE, TEMPORARY ON DATABASE $name TO $name;
GRANT ALL ON SCHEMA public TO $name;
CREATE EXTENSION pg_trgm;
SQL
PGPASSWORD=$password psql -qXAt -h 127.0.0.1 -U "$name" -d "$name" -c 'SELECT 1'
