"""Lets real Agno write a few traces: its own tracing set-up, exporter and database adapter; no model is called.

    python agno_tables.py sqlite:////tmp/agno.db 10        prints what Agno logs; everything at WARNING and above is a failure
"""
import logging
import sys

from agno.tracing import setup_tracing
from opentelemetry import trace


def open_db(url):
    if url.startswith("sqlite"):
        from agno.db.sqlite import SqliteDb

        return SqliteDb(db_url=url)
    from agno.db.postgres import PostgresDb

    return PostgresDb(db_url=url)


def main(url, traces):
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    setup_tracing(db=open_db(url))
    tracer = trace.get_tracer("agno_tables")
    for i in range(int(traces)):
        ids = {"agno.run.id": f"run-{i}", "session.id": f"session-{i}", "user.id": "user-1"}
        with tracer.start_as_current_span("Writer.run", attributes={"openinference.span.kind": "AGENT", **ids}):
            with tracer.start_as_current_span("OpenAIChat.invoke", attributes={"openinference.span.kind": "LLM"}):
                pass
    trace.get_tracer_provider().force_flush()


main(*sys.argv[1:])
