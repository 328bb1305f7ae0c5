import type {Topic} from './topic.ts';

const topic: Topic = {
  summary: 'how to name the database, and which rights it needs',
  text: `Naming the database

The first of these that is set is used:

  --db <url>         a URL as in your Python code, or a SQLite path
  --profile <name>   a name given with "agno-trace profile add"
  AGNO_TRACE_DB      a URL or a path, in the environment
  AGNO_TRACE_PROFILE, or the default profile ("agno-trace profile use")
  DATABASE_URL       like AGNO_TRACE_DB
  PGHOST, PGDATABASE or PGSERVICE, with libpq's other PG* variables
  ./agno.db          if it exists

These forms work:

  postgresql+psycopg://user:password@host:5432/db    +asyncpg and others too
  host=localhost dbname=ai user=me                   libpq's keywords
  clickhouse://user:password@host:8123/agno          clickhouses:// with TLS
  sqlite:///relative.db   sqlite:////absolute.db     SQLAlchemy's
  ./agno.db   ~/data/agno.db   file:agno.db          paths

In a password, write @ : / ? # as %40 %3A %2F %3F %23. Better: leave it out and
use PGPASSWORD or ~/.pgpass (PGPASSFILE sets another file), as arguments are
visible in the process list. Passwords never appear in output. --dotenv FILE
reads AGNO_TRACE_*, PG* and DATABASE_URL from a file; PGSERVICE or service=name
reads libpq's service file.

TLS works as in libpq: sslmode (or PGSSLMODE) is disable, allow, prefer (the
default), require, verify-ca or verify-full; sslrootcert, sslcrl, sslcert and
sslkey name files, with defaults in ~/.postgresql; channel_binding and
require_auth are respected. A host that begins with / is the folder of a Unix
socket.

agno-trace finds the schema by itself; --schema sets it. --traces-table and
--spans-table are for tables not called agno_traces and agno_spans.

A role with SELECT on the two tables is enough. Reads are short and read-only.
On Postgres they need no session state, so poolers are fine; on SQLite any
journal mode works. --timeout limits connecting and each statement (30s).

  export AGNO_TRACE_DB=postgresql://reader@db.example.com/ai
  agno-trace list
  agno-trace list --db sqlite:///agno.db
  agno-trace list --debug               show connections and statements
`,
};
export default topic;
