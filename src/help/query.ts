import {KINDS} from '../trace/kind.ts';
import {STATES} from '../trace/states.ts';
import type {Topic} from './topic.ts';

/** Words separated by commas, in lines that fit behind an indent. */
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
  summary: 'filters and the free query: which runs, and when',
  text: `Choosing runs

list and every question (slowest) take the same filters. Different filters must
all hold; a filter that is repeated holds when one of its values does.

When    --since (from then on), --until (before), --last 24h
        2026-11-22, 2026-11-22T14:00, 14:00, today, yesterday, now, or a length
        back: 30m 24h 7d 2w. Times are UTC unless they say otherwise.
Who     --session, --user, --run, --trace      the id, exactly
        --agent, --team, --workflow            the id, or a name with * and ?
        The run is what counts, wherever it stands: a run that came over HTTP is
        found by its session although its trace row does not know it.
What    --kind       kind of the run, or of a span it holds
        --model      a run that calls this model (* and ?)
        --tool       a run that calls this tool (* and ?)
        --name       a run that holds a span of this name (* and ?)
        --state      computed state: agno-trace help states
        --status     stored status of the trace row: OK, ERROR
        --error text, --failed, --min-duration 5s, --max-duration, --min-tokens

--kind, --state and --status take several values separated by commas.

Kinds   ${listed(KINDS, 8)}
States  ${listed(STATES, 8)}

Names ignore case and match as a whole: --agent 'weather*'. Quote * and ? for
the shell; \\* is a star.

Free query

-q says the same in one text, on list, show and slowest; flags beside it must
hold as well:

  -q 'agent:billing* -tool:web_search duration:>5s (error OR "customs hold")'

key:value and key:a,b; > >= < <= and 1s..5s for figures and times; -term or NOT;
OR and ( ); words and "phrases" are searched in names, errors and outputs.
Keys are the flags above without their dashes. All of it: docs/query.md

  agno-trace list --agent 'weather*' --state error,degraded --last 7d
  agno-trace list --session s-31 --tool web_search --min-duration 5s
  agno-trace slowest --by tool --user user-1 --since yesterday
`,
};
export default topic;
