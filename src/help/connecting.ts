import type {Topic} from './topic.ts';

const topic: Topic = {
  summary: 'how to name the database, and what is needed to read it',
  text: `Naming the database

The first of these that is given counts:

  --db <url>         a URL as in your Python code, or a SQLite path
  --profile <name>   one that "agno-trace profile add" has named
  AGNO_TRACE_DB      a URL or a path, in the environment
  AGNO_TRACE_PROFILE, or the default profile ("agno-trace profile use")
  DATABASE_URL       as AGNO_TRACE_DB
  PGHOST, PGDATABASE, and libpq's other PG* variables beside one of the two
  ./agno.db          where there is one

Spellings that are read:

  postgresql+psycopg://user:password@host:5432/db    +asyncpg and others too
  host=localhost dbname=ai user=me                   libpq's keywords
  clickhouse://user:password@host:8123/agno          clickhouses:// with TLS
  sqlite:///relative.db   sqlite:////absolute.db     SQLAlchemy's
  ./agno.db   ~/data/agno.db   file:agno.db          paths

In a password @ : / ? # are written %40 %3A %2F %3F %23. Better: leave it out,
for PGPASSWORD or ~/.pgpass (PGPASSFILE names another file); an argument can be
seen in the process list. Passwords appear in no output. --dotenv FILE
takes AGNO_TRACE_*, PG* and DATABASE_URL out of a file; PGSERVICE or
service=name reads libpq's service file.

TLS is as libpq has it: sslmode (or PGSSLMODE) disable, allow, prefer (the
default), require, verify-ca, verify-full; sslrootcert, sslcrl, sslcert and
sslkey name files, else those in ~/.postgresql count; channel_binding and
require_auth are kept. A host that begins with / is the folder of a Unix socket.

The schema is found by looking. --schema chooses one, --traces-table and
--spans-table name tables that are not called agno_traces and agno_spans.

A role with SELECT on the two tables is enough. Reads are short and read-only:
on Postgres without session state, so poolers are fine; on SQLite in whatever
journal mode the file is. --timeout limits connecting and each statement (30s).

  export AGNO_TRACE_DB=postgresql://reader@db.example.com/ai
  agno-trace list
  agno-trace list --db sqlite:///agno.db
  agno-trace list --debug               what was connected to, and what was sent
`,
};
export default topic;
