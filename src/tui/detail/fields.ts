import {peersFacts} from '../../render/peers.ts';
import {spanFields} from '../../render/span-detail.ts';
import {labelOf} from '../../render/tree-row.ts';
import {count, moment} from '../../render/values.ts';
import {isoTime} from '../../trace/time.ts';
import {startOf} from '../../trace/tree.ts';
import type {DetailInput, SelectedRow} from '../pane.ts';
import type {DocumentLine} from './document.ts';

const NAME = 8;

/** Ids that lead to other places; they are below everything that says what happened. */
const ID_FIELDS: readonly string[] = ['run', 'name', 'parent', 'trace'];

/** Foldable facts about where the span belongs. */
export function idLines({selected}: DetailInput): DocumentLine[] {
  const span = selected?.row.node.span;
  if (!selected || !span) return [];
  return [
    blank,
    {...PLAIN, indent: 0, look: 'title', lead: 'Ids', text: '', key: 'Ids'},
    ...spanFields(span, selected.row, selected.part.within ?? selected.part.judged)
      .filter(([name]) => ID_FIELDS.includes(name))
      .map(([name, text]) => ({...field(name, text), depth: 1, indent: 2})),
  ];
}

/** Facts of the span that the tree knows, and the progress of reading its contents. */
export function fieldLines({selected, content}: DetailInput): DocumentLine[] {
  if (selected === null) return [];
  const {row, part} = selected;
  const {span} = row.node;
  const facts = span
    ? spanFields(span, row, part.within ?? part.judged).filter(([name]) => !ID_FIELDS.includes(name))
    : ghostFacts(selected);
  const isRun = row.node === part.judged.run.root;
  const peers = isRun && part.peers ? peersFacts(part.peers) : [];
  const lines = [...facts, ...peers].map(([name, text]) => field(name, text));
  if (span === null) return lines;
  if (content.state === 'loading') return [...lines, blank, note('reading …')];
  if (content.state === 'failed') {
    const {message, hint} = content.failure;
    return [...lines, blank, note(`! ${message}`), ...(hint === null ? [] : [note(`hint: ${hint}`)])];
  }
  return content.span === null ? [...lines, blank, note('! This span was just deleted from the database.')] : lines;
}

function ghostFacts({row}: SelectedRow): (readonly [string, string])[] {
  const {node, record} = row;
  const start = startOf(node);
  return [
    ['what', labelOf(row, {ascii: true, io: 'none'}).replace(/^: /, '')],
    ...(record.stateReason === null ? [] : [['why', record.stateReason] as const]),
    [
      'known',
      `only as the parent of ${count(node.children.length)} ${node.children.length === 1 ? 'span' : 'spans'}; a span is written when it ends`,
    ],
    ...(Number.isFinite(start) ? [['began', `${moment(isoTime(start))} at the latest`] as const] : []),
    ['span', node.id],
    ['trace', node.traceId],
  ];
}

const PLAIN = {depth: 0, key: null, isFoldedAtFirst: false} as const;
const blank: DocumentLine = {...PLAIN, indent: 0, look: 'text', lead: '', text: ''};

function field(name: string, text: string): DocumentLine {
  return {...PLAIN, indent: 0, look: 'field', lead: name.padEnd(NAME), text: text.replaceAll('\n', '⏎')};
}

function note(text: string): DocumentLine {
  return {...PLAIN, indent: 0, look: 'note', lead: '', text: text.replaceAll('\n', '⏎')};
}
