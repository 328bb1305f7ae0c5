import type {Topic} from './topic.ts';

const topic: Topic = {
  summary: 'the JSON that --json and --jsonl print',
  text: `JSON for scripts and coding agents

--json prints one object; --jsonl prints the items of data alone, one a line.

  {"schema": "agno-trace/<command>/1",
   "data": ..., "page": {"next": cursor or null}, "notes": ["..."]}

data    list: a list of runs
        show: {"runs": [...], "spans": [...]}, spans flat, in drawn order;
              input, output and attributes with --io full, or of one --span
        tail --jsonl: an event a line, with "event": run, span, heartbeat or
              notice; wait: a list of runs
        export --jsonl: a run or a span a line, with "type", attributes exactly
        transcript: {"runs": [...], "entries": [...]}; grep: a list of hits
        diff: {"a", "b", "firstDivergence", "pairs", "changes", ...};
              --jsonl prints the changes
        slowest and every other question: a list of rows, keys as its columns
page    next is the text for --cursor; null on the last page
notes   sentences that belong to reading the data right: what was left out, what
        was covered; with --jsonl they go to stderr

--fields a,b keeps these keys of each item. --max-bytes 8000 prints as many
whole items as fit, says "truncated": true, and in a note how to get the rest.

Times are ISO 8601 in UTC with microseconds, durations are numbers and end in
Ms, money ends in Usd. Unknown is null, never zero. data has the same shape for
no, one and many items. Keys are added, never renamed or removed, within one
schema number; docs/json.md in the package lists them all.

Errors are JSON on stderr (agno-trace help exit-codes); stdout stays empty.
Into a pipe text is exact. On a terminal what could act on it is written as \\u
escapes, which every JSON parser reads back.

  agno-trace list --json --last 24h --limit 0 | jq '.data[] | .runId'
  agno-trace list --jsonl --state error | jq -r '.stateReason'
  agno-trace show latest --json --io full
`,
};
export default topic;
