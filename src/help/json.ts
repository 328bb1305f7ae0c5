import type {Topic} from './topic.ts';

const topic: Topic = {
  summary: 'the JSON that --json and --jsonl print',
  text: `JSON for scripts and coding agents

--json prints one object; --jsonl prints only the items of data, one per line.

  {"schema": "agno-trace/<command>/1",
   "data": ..., "page": {"next": cursor or null}, "notes": ["..."]}

data    list: a list of runs
        show: {"runs": [...], "spans": [...]}, spans in drawn order; with
              input, output and attributes if --io full or --span is given
        tail --jsonl: one event per line, with "event": run, span, heartbeat
              or notice; wait: a list of runs
        export --jsonl: one run or span per line, with "type"; attributes exact
        transcript: {"runs": [...], "entries": [...]}; grep: a list of hits
        diff: {"a", "b", "firstDivergence", "pairs", "changes", ...};
              --jsonl prints the changes
        slowest and every other question: a list of rows, keyed by column
page    next is the value for --cursor; null on the last page
notes   what was left out, what was covered; with --jsonl they go to stderr

--fields a,b keeps these keys of each item. --max-bytes 8000 prints as many
whole items as fit, with "truncated": true and a note on how to get the rest.

Times are ISO 8601 in UTC with microseconds. Keys of durations end in Ms, of
money in Usd. Unknown is null, never zero. data has the same shape for no, one
and many items. Within one schema number keys are only added, never renamed or
removed; docs/json.md in the package lists them all.

Errors are JSON on stderr (agno-trace help exit-codes); stdout stays empty.
In a pipe text is exact. On a terminal, characters that could control it are
written as \\u escapes, which every JSON parser understands.

  agno-trace list --json --last 24h --limit 0 | jq '.data[] | .runId'
  agno-trace list --jsonl --state error | jq -r '.stateReason'
  agno-trace show latest --json --io full
`,
};
export default topic;
