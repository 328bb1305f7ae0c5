import {append, largest} from '../lists.ts';
import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint, type Style} from '../text/style.ts';
import {toWidth, width, wrap} from '../text/width.ts';
import type {Look} from './states.ts';
import {count} from './values.ts';

/** Facts below a heading: label and value. */
export interface FactSection {
  readonly title: string;
  readonly rows: readonly (readonly [string, Safe])[];
}

export interface DrawnFinding {
  readonly id: string;
  readonly severity: 'error' | 'warning' | 'info' | 'ok';
  readonly count: number | null;
  readonly covered: string;
  readonly isComplete: boolean;
  readonly text: string;
  /** Ready to paste. */
  readonly command: string | null;
  readonly repair: string | null;
}

const LOOKS: Readonly<Record<DrawnFinding['severity'], {glyph: string; ascii: string; style: Style}>> = {
  error: {glyph: '✖', ascii: 'x', style: 'red'},
  warning: {glyph: '◐', ascii: '!', style: 'yellow'},
  info: {glyph: '●', ascii: '*', style: 'cyan'},
  ok: {glyph: '✔', ascii: '+', style: 'green'},
};

interface Options extends Look {
  /** Columns of the terminal; null: a pipe. */
  readonly columns: number | null;
}

/** Facts with their labels in one column; long values are wrapped within their column. */
export function renderFacts(sections: readonly FactSection[], {columns}: Options): Safe {
  const labelWidth = largest(sections.flatMap(({rows}) => rows.map(([label]) => label.length)));
  const blocks = sections.map(({title, rows}) => {
    const lines = rows.flatMap(([label, value]) =>
      wrapped(value, columns, 2 + labelWidth + 2).map(
        (part, i) => line`  ${paint(toWidth(trusted(i === 0 ? label : ''), labelWidth), 'dim')}  ${part}`,
      ),
    );
    return joined([paint(trusted(title), 'bold'), ...lines], '\n');
  });
  return joined(blocks, '\n\n');
}

/**
 * Findings, each with its sentence and, on a separate line that is never wrapped, the command to type. Checks without
 * problems are listed in one paragraph.
 */
export function renderFindings(findings: readonly DrawnFinding[], options: Options): Safe {
  const lines: Safe[] = [paint(trusted('Findings'), 'bold')];
  for (const finding of findings.filter(isWorthALine)) append(lines, findingLines(finding, options));
  const fine = findings.filter(finding => !isWorthALine(finding)).map(({id}) => id);
  if (fine.length > 0) {
    const text = trusted(`in order: ${fine.join(', ')}`);
    const glyph = paint(trusted(options.ascii ? LOOKS.ok.ascii : LOOKS.ok.glyph), LOOKS.ok.style);
    wrapped(text, options.columns, 4).forEach((part, i) => {
      lines.push(line`  ${i === 0 ? glyph : trusted(' ')} ${part}`);
    });
  }
  return joined(lines, '\n');
}

/** A check without problems needs no line, unless it could not count everything. */
function isWorthALine({severity, isComplete, count: n}: DrawnFinding): boolean {
  return severity !== 'ok' || (!isComplete && n === null);
}

function findingLines(finding: DrawnFinding, options: Options): Safe[] {
  const {glyph, ascii, style} = LOOKS[finding.severity];
  const head = line`  ${paint(trusted(options.ascii ? ascii : glyph), style)} ${paint(trusted(finding.id), 'bold')}`;
  const number =
    finding.count === null ? '' : `  ${finding.isComplete ? '' : options.ascii ? '>= ' : '≥ '}${count(finding.count)}`;
  const over = finding.isComplete ? '' : ` (${finding.covered})`;
  const text = wrapped(safe(`${finding.text}${over}`), options.columns, 4).map(part => line`    ${part}`);
  const next = [
    ...(finding.command ? [line`    ${paint(trusted('see:'), 'dim')} ${safe(finding.command)}`] : []),
    ...(finding.repair ? [line`    ${paint(trusted('repair:'), 'dim')} ${safe(finding.repair)}`] : []),
  ];
  return [line`${head}${trusted(number)}`, ...text, ...next];
}

function wrapped(text: Safe, columns: number | null, indent: number): Safe[] {
  if (columns === null || width(text) + indent <= columns) return [text];
  return wrap(text, Math.max(20, columns - indent));
}

/** Bytes for people: `1.2 MB`. */
export function byteSize(bytes: number | null): Safe {
  if (bytes === null) return trusted('–');
  if (bytes < 1000) return trusted(`${bytes} B`);
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return trusted(`${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power - 1]}`);
}
