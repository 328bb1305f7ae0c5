import {indented, unredacted} from '../../render/span-content.ts';
import {type ContentPart, REST_TITLE, spanSections} from '../../render/span-sections.ts';
import {count} from '../../render/values.ts';
import type {Span} from '../../trace/span.ts';
import {type Outline, outlineOf} from '../outline.ts';

/** A line before it is laid out: data, neither escaped nor cut, without a line break. */
export interface DocumentLine {
  /** Levels of folding above it. */
  readonly depth: number;
  readonly indent: number;
  readonly look: 'title' | 'head' | 'field' | 'note' | 'text';
  /** Drawn with `look`, before `text`. */
  readonly lead: string;
  readonly text: string;
  /** Identifies the line for folding, in this span and the next; null: nothing is below it. */
  readonly key: string | null;
  readonly isFoldedAtFirst: boolean;
}

/** The text to scroll through. */
export interface Document {
  readonly lines: readonly DocumentLine[];
  readonly outline: Outline;
}

/** More characters of a value are not shown: it may have 50 MB, and nobody reads that in a terminal. */
export const LONGEST_VALUE = 200_000;
/** Longer JSON is not indented. */
const LONGEST_INDENTED = 1_000_000;
/** Longer lines are laid out in pieces, so that the cost of drawing depends on the screen. */
const LONGEST_LINE = 4000;
/** For the whole document, so that 1,000 messages of a history end somewhere too. */
const LONGEST_DOCUMENT = 2_000_000;
const MOST_LINES = 50_000;

export function documentOf(lines: readonly DocumentLine[]): Document {
  return {lines, outline: outlineOf(lines.map(({depth}) => depth))};
}

/** Collects lines within the limits of a document, and notes what it leaves out. */
export class LineCollector {
  readonly lines: DocumentLine[] = [];
  private left = LONGEST_DOCUMENT;

  /** @param whole the command that shows everything */
  constructor(private readonly whole: string) {}

  add(line: Partial<DocumentLine> & Pick<DocumentLine, 'depth' | 'look'>): void {
    if (this.isFull) return;
    this.left -= (line.lead?.length ?? 0) + (line.text?.length ?? 0);
    this.lines.push({indent: 0, lead: '', text: '', key: null, isFoldedAtFirst: false, ...line});
  }

  /** A text of any length, line by line. */
  addText(text: string, at: Pick<DocumentLine, 'depth' | 'indent'> & {readonly lead?: string}): void {
    if (this.isFull) return;
    const limit = Math.min(LONGEST_VALUE, this.left);
    const shown = beginning(text, limit);
    let lead = at.lead ?? '';
    for (const line of shown.split('\n')) {
      for (const piece of pieces(line)) {
        this.add({...at, look: 'text', lead, text: piece});
        lead = '';
      }
    }
    this.leaveOut(text.length - shown.length, at);
  }

  /** Notes that this many characters of a text are left out. */
  leaveOut(characters: number, at: Pick<DocumentLine, 'depth' | 'indent'>): void {
    if (characters > 0) this.note(`… ${count(characters)} more characters`, at);
  }

  private note(what: string, at: Pick<DocumentLine, 'depth' | 'indent'>): void {
    this.lines.push({
      ...{...at, look: 'note', lead: '', key: null, isFoldedAtFirst: false},
      text: `${what} are not shown here: ${this.whole}`,
    });
  }

  private isEnded = false;

  get isFull(): boolean {
    const isFull = this.left <= 0 || this.lines.length >= MOST_LINES;
    if (isFull && !this.isEnded) {
      this.isEnded = true;
      this.note('… the rest of this span', {depth: 0, indent: 0});
    }
    return isFull;
  }
}

/** At most this much of a text, without half a surrogate pair at its end. */
export function beginning(text: string, limit: number): string {
  return text.length > limit ? text.slice(0, endOfCharacter(text, limit)) : text;
}

/** A place to cut that keeps surrogate pairs together. */
function endOfCharacter(text: string, at: number): number {
  const code = text.charCodeAt(at - 1);
  return code >= 0xd800 && code <= 0xdbff ? at - 1 : at;
}

function pieces(line: string): string[] {
  if (line.length <= LONGEST_LINE) return [line];
  const found: string[] = [];
  for (let from = 0; from < line.length; ) {
    let to = Math.min(line.length, from + LONGEST_LINE);
    if (to < line.length) {
      const space = line.lastIndexOf(' ', to);
      to = space > from + LONGEST_LINE / 2 ? space + 1 : endOfCharacter(line, to);
    }
    found.push(line.slice(from, to));
    from = to;
  }
  return found;
}

/**
 * Everything in a span: section by section, with foldable messages and documents, unknown attributes folded at first.
 */
export function contentLines(span: Span, whole: string): readonly DocumentLine[] {
  const lines = new LineCollector(whole);
  for (const {title, body} of spanSections(span)) {
    lines.add({depth: 0, look: 'text'});
    lines.add({
      depth: 0,
      look: 'title',
      lead: title,
      key: title.replace(/ \(\d+\)$/, ''),
      isFoldedAtFirst: title === REST_TITLE,
    });
    let isBelowHead = false;
    for (const [i, part] of body.entries()) {
      if (part.type === 'head') isBelowHead = true;
      addPart(lines, part, part.type === 'head' ? 1 : isBelowHead ? 2 : 1, hasBody(body, i) ? `${title} ${i}` : null);
    }
  }
  return lines.lines;
}

function hasBody(body: readonly ContentPart[], at: number): boolean {
  const next = body[at + 1];
  return next !== undefined && next.type !== 'head';
}

function addPart(lines: LineCollector, part: ContentPart, depth: number, key: string | null): void {
  const {type, text, indent} = part;
  if (type === 'head')
    lines.add({
      depth,
      indent,
      look: 'head',
      lead: text.replaceAll('\n', '⏎'),
      text: (part.rest ?? '').replaceAll('\n', '⏎'),
      key,
    });
  else if (type === 'note') lines.add({depth, indent, look: 'note', text: `! ${text.replaceAll('\n', '⏎')}`});
  else lines.addText(text.length > LONGEST_INDENTED ? text : indented(unredacted(text)), {depth, indent});
}
