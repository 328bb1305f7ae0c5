import type {AttributeValue, Scalar} from './asked-attributes.ts';
import {matchesGlob} from './glob.ts';
import {type JudgedRun, spansOf} from './record.ts';

/** What a query says about an attribute; of a list, one item must match. */
export type AttributeTest =
  /** The text matches, or both are this number. */
  | {readonly type: 'is'; readonly glob: string; readonly number: number | null}
  /** All of these. Numbers are compared with numbers, texts with texts. */
  | {readonly type: 'compares'; readonly bounds: readonly Bound[]};

interface Bound {
  readonly comparison: '>=' | '<=' | '>' | '<';
  readonly value: number | string;
}

/** False for an unknown value, whatever is asked. */
export function matchesAttribute(value: AttributeValue | null, test: AttributeTest): boolean {
  if (value === null) return false;
  const items: readonly Scalar[] = typeof value === 'object' ? value : [value];
  return items.some(item =>
    test.type === 'is'
      ? item === test.number || matchesGlob(test.glob, String(item))
      : test.bounds.every(bound => isWithin(item, bound)),
  );
}

function isWithin(item: Scalar, {comparison, value}: Bound): boolean {
  if (typeof item !== typeof value) return false;
  const [a, b] = typeof item === 'string' ? [item.toLowerCase(), String(value).toLowerCase()] : [item, value];
  if (comparison === '>') return a > b;
  if (comparison === '<') return a < b;
  return comparison === '>=' ? a >= b : a <= b;
}

/** The value of a run: that of the first of its parts that has one. */
export function attributeOfRun(judged: JudgedRun, path: string): AttributeValue | null {
  for (const part of judged.parts ?? [judged]) {
    const value = attributeOfPart(part, path);
    if (value !== null) return value;
  }
  return null;
}

/** Its own span decides; if that has no value, the earliest of its spans that has one. */
function attributeOfPart({run}: JudgedRun, path: string): AttributeValue | null {
  const own = run.root.span?.asked?.get(path);
  if (own !== undefined) return own;
  let first: {value: AttributeValue; at: number; spanId: string} | null = null;
  for (const {asked, startMicros, spanId} of spansOf(run)) {
    const value = asked?.get(path);
    if (value === undefined) continue;
    const at = startMicros ?? Number.POSITIVE_INFINITY;
    if (!first || at < first.at || (at === first.at && spanId < first.spanId)) first = {value, at, spanId};
  }
  return first?.value ?? null;
}
