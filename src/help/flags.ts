import type {Topic} from './topic.ts';

const topic: Topic = {
  summary: 'the flags that every command takes',
  text: `Global flags

Every command takes these, before or after its name. wait has a --timeout of
its own.

Database

  --db <url>             the URL from your Python code, or a SQLite path
  --profile <name>       the database of this profile: agno-trace profile
  --dotenv <file>        read AGNO_TRACE_*, PG* and DATABASE_URL from this file;
                         variables already set win
  --runs-db <url>        database of Agno's own run table, if it is another one;
                         helps confirm states
  --schema <name>        Postgres schema of the tables (default: found, else ai)
  --traces-table <name>  name of the traces table (default: agno_traces)
  --spans-table <name>   name of the spans table (default: agno_spans)
  --timeout <length>     time limit of one statement (default: 30s)

General

  --color <when>         auto (default), always, never
  --no-color             no colour; NO_COLOR does the same
  --tz <zone>            times for people in UTC (default), local, or a zone
                         such as Europe/Berlin; AGNO_TRACE_TZ does the same
  --ascii                only ASCII characters
  --debug                print connections, statements and stack traces
  -V, --version          print the version
  -h, --help             help for the program, or for a command

  agno-trace list --db agno.db
  agno-trace list --timeout 2m --debug

How the database is found without --db: agno-trace help connecting
`,
};
export default topic;
