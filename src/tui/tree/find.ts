import {isFailure} from '../../render/tree-row.ts';
import type {DrawnSpan} from '../../trace/drawn-spans.ts';
import {displayName} from '../../trace/tree.ts';
import {matchesText} from '../runs/match.ts';
import {rowIndex} from './rows.ts';
import type {Parts, RowPlace} from './state.ts';

/** All matching rows, in drawn order. */
export type Hits = readonly RowPlace[];

interface Known {
  readonly search: string;
  readonly criticalOnly: boolean;
  readonly hits: Hits;
}
const KNOWN = new WeakMap<Parts, Known>();

/** Spans that contain a text in their name, arguments, message, ids, kind, state or model. Ignores case. */
export function searchHits(parts: Parts, search: string, criticalOnly: boolean): Hits {
  if (search === '') return [];
  const known = KNOWN.get(parts);
  if (known?.search === search && known.criticalOnly === criticalOnly) return known.hits;
  const hits = hitsWhere(parts, criticalOnly, row => matchesText(search, textsOf(row)));
  KNOWN.set(parts, {search, criticalOnly, hits});
  return hits;
}

export function failures(parts: Parts, criticalOnly: boolean): Hits {
  return hitsWhere(parts, criticalOnly, isFailure);
}

/** Whether there is any: checked with each frame. */
export function hasFailures(parts: Parts, criticalOnly: boolean): boolean {
  return parts.some(shown => rowIndex(shown).failuresBefore.at(-1)! > 0) && failures(parts, criticalOnly).length > 0;
}

function hitsWhere(parts: Parts, criticalOnly: boolean, isHit: (row: DrawnSpan) => boolean): Hits {
  return parts.flatMap((shown, part) => {
    const {critical} = rowIndex(shown);
    const hits: RowPlace[] = [];
    for (const [row, drawn] of shown.rows.entries())
      if ((!criticalOnly || critical(row)) && isHit(drawn)) hits.push({part, row});
    return hits;
  });
}

/** Without creating the row's record: creating 20,000 of them would delay a key too long. */
function textsOf({node, state}: DrawnSpan): readonly (string | null)[] {
  const {span} = node;
  if (!span) return [node.id];
  return [displayName(span), span.name, span.toolArguments, span.statusMessage, state, span.kind, span.model, node.id];
}

/** The match after a row, or before it; if there is none, from the other end on. Null: there are no matches. */
export function nextHit(hits: Hits, from: RowPlace | null, step: 1 | -1, {inclusive = false} = {}): RowPlace | null {
  if (hits.length === 0) return null;
  if (from === null) return hits[0]!;
  const isPast = (hit: RowPlace) => {
    const order = (hit.part - from.part || hit.row - from.row) * step;
    return inclusive ? order >= 0 : order > 0;
  };
  return step === 1 ? (hits.find(isPast) ?? hits[0]!) : (hits.findLast(isPast) ?? hits.at(-1)!);
}
