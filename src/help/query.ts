import {KINDS} from '../trace/kind.ts';
import {STATES} from '../trace/states.ts';
import type {Topic} from './topic.ts';

/** Words separated by commas, in lines that fit after an indent. */
function listed(words: readonly string[], indent: number): string {
  const lines: string[] = [''];
  for (const [i, word] of words.entries()) {
    const text = i < words.length - 1 ? `${word}, ` : word;
    if (indent + lines.at(-1)!.length + text.trimEnd().length > 80) lines.push('');
    lines.push(lines.pop()! + text);
  }
  return lines.map(line => line.trimEnd()).join(`\n${' '.repeat(indent)}`);
}

const topic: Topic = {
  summary: 'filters and -q: how to select runs',
  text: `Choosing runs

list and every question, such as slowest, take the same filters. A run must
match all of them; if a filter is repeated, one of its values is enough.

When    --since (at or after), --until (before), --last 24h
        2026-11-22, 2026-11-22T14:00, 14:00, today, yesterday, now, or a time
        ago: 30m 24h 7d 2w. Times are UTC unless they have an offset.
Who     --session, --user, --run, --trace      the id, exactly
        --agent, --team, --workflow            the id, or a name with * and ?
        Runs are found wherever they are stored: a run over HTTP is found by its
        session even though its trace row lacks the session.
What    --kind       kind of the run, or of a span in it
        --model      calls this model (* and ?)
        --tool       calls this tool (* and ?)
        --name       has a span of this name (* and ?)
        --state      computed state: agno-trace help states
        --status     stored status of the trace row: OK, ERROR
        --error text, --failed, --min-duration 5s, --max-duration, --min-tokens

--kind, --state and --status take several values separated by commas.

Kinds   ${listed(KINDS, 8)}
States  ${listed(STATES, 8)}

Names ignore case and must match completely; use * for a part: --agent
'weather*'. Quote * and ? for the shell; \\* is a literal star.

Free query

-q puts filters into one text. Other flags must match as well:

  -q 'agent:billing* -tool:web_search duration:>5s (error OR "customs hold")'

key:value and key:a,b; > >= < <= and 1s..5s for numbers and times; -term or NOT;
OR and ( ). Words and "phrases" are searched in names, errors and outputs.
Keys are the flags above without dashes; attr.NAME is any attribute of the
run's span, such as attr.metadata.plan:>=2, or else of its earliest span that
has it. Full description: docs/query.md

  agno-trace list --agent 'weather*' --state error,degraded --last 7d
  agno-trace list --session s-31 --tool web_search --min-duration 5s
  agno-trace slowest --by tool --user user-1 --since yesterday
`,
};
export default topic;
