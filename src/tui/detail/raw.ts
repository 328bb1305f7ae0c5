import {terminalJson} from '../../text/safe.ts';
import type {DrawnSpan} from '../../trace/drawn-spans.ts';
import {formatJson, type Json} from '../../trace/json.ts';
import type {Span} from '../../trace/span.ts';
import {beginning, type DocumentLine, LineCollector, LONGEST_VALUE} from './document.ts';

/** Every character may become six. */
const LONGEST_STRING = Math.floor(LONGEST_VALUE / 6);
/** Deeper values are on one line. */
const DEEPEST = 60;

/** The span as JSON, as in `show --json`: its computed values, then its attributes by name. Exact, and foldable. */
export function rawLines({record}: DrawnSpan, span: Span | null, whole: string): readonly DocumentLine[] {
  const attributes = span?.attributes ?? null;
  const sorted: Json =
    attributes === null
      ? null
      : Object.fromEntries(
          Object.keys(attributes)
            .sort()
            .map(key => [key, attributes[key]!]),
        );
  const lines = new LineCollector(whole);
  addValue(
    lines,
    {...(record as unknown as {[key: string]: Json}), attributes: sorted},
    {
      ...{lead: '', comma: '', depth: 0, path: ''},
    },
  );
  return lines.lines;
}

interface Place {
  readonly lead: string;
  readonly comma: string;
  readonly depth: number;
  readonly path: string;
}

function addValue(lines: LineCollector, value: Json, {lead, comma, depth, path}: Place): void {
  if (lines.isFull) return;
  const at = {depth, indent: 2 * depth};
  if (typeof value === 'string' && value.length > LONGEST_STRING) {
    // Cut before it is escaped: escaping 50 MB takes seconds.
    const shown = beginning(value, LONGEST_STRING);
    lines.addText(jsonText(shown).slice(0, -1), {...at, lead});
    lines.leaveOut(value.length - shown.length, at);
    return;
  }
  const isContainer = value !== null && typeof value === 'object' && Object.keys(value).length > 0;
  if (!isContainer || depth > DEEPEST) {
    lines.addText(`${jsonText(value)}${comma}`, {...at, lead});
    return;
  }
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  lines.add({...at, look: 'head', lead, text: isList ? '[' : '{', key: `{}${path}`});
  for (const [i, [key, item]] of entries.entries())
    addValue(lines, item, {
      lead: isList ? '' : `${jsonText(key)}: `,
      comma: i < entries.length - 1 ? ',' : '',
      depth: depth + 1,
      path: `${path}/${key}`,
    });
  lines.add({depth: depth + 1, indent: 2 * depth, look: 'text', text: `${isList ? ']' : '}'}${comma}`});
}

function jsonText(value: Json): string {
  return terminalJson(formatJson(value, 0));
}
