import {loadSpans} from '../../runs/spans.ts';
import {spansThatPass, type WalkPlace} from '../../runs/stretches.ts';
import {hasAttribute} from '../../sql/fragments.ts';
import {sql} from '../../sql/sql.ts';
import {KEY} from '../../trace/attributes.ts';
import {reachedAttributeLimit} from '../../trace/messages.ts';
import {isoTime, parseTime} from '../../trace/time.ts';
import {defineCheck} from '../checkup.ts';
import {counted} from '../finding.ts';
import {paceOf} from '../subject.ts';

/** Complete model calls are large: only this many are read at once. */
const SPANS_AT_ONCE = 20;

/** Model calls without `input.value`, the first key that the limit drops; only these few are read completely. */
const CANDIDATE = sql`s.name like '%.%invoke%' and not ${hasAttribute('s', KEY.input)}`;

export default defineCheck(async subject => {
  const {store} = subject;
  const pace = paceOf(subject);
  let count = 0;
  let sample: string | null = null;
  let end: WalkPlace | null = null;
  let spans = 0;
  let isLast = false;
  for await (const {stretch, rows, looked} of spansThatPass(store, CANDIDATE, pace.walk)) {
    for (let at = 0; at < rows.length; at += SPANS_AT_ONCE) {
      const ids = rows.slice(at, at + SPANS_AT_ONCE).map(({spanId}) => spanId);
      for (const {spanId, attributes} of await loadSpans(store, ids)) {
        if (!attributes || !reachedAttributeLimit(attributes)) continue;
        count++;
        sample ??= spanId;
      }
    }
    spans = looked;
    subject.onProgress(spans);
    ({end, isLast} = stretch);
    if (pace.isOver()) break;
  }
  const since = end === null ? null : isoTime(parseTime(end.value))?.slice(0, 19);
  const newest = `the newest ${spans} spans${since ? `, back to ${since}Z` : ''}`;
  return {
    severity: count > 0 ? 'warning' : 'ok',
    count: isLast || count > 0 ? count : null,
    isComplete: isLast,
    covered: isLast ? 'all model calls' : `${count > 0 ? 'at least: ' : 'none in '}${newest}`,
    sample,
    text:
      count > 0
        ? `${counted(count, 'model call', 'model calls')} reached the limit of attributes per span and lost the first messages, including the system prompt; set the limit in the environment of the program that runs Agno.`
        : 'No model call reached the limit of attributes per span.',
    command: sample === null ? null : ['show', sample],
    repair: count > 0 ? 'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=4096' : null,
  };
});
