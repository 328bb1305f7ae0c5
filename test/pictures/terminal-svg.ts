import type {IBuffer, IBufferCell, Terminal} from '@xterm/headless';

/** A cell of the picture, px: seven tenths of a font of 14 px, as wide as monospaced fonts are. */
const CELL = {width: 8.4, height: 18, baseline: 13.5};
const FONT = 14;
const PADDING = 14;
const BAR = 30;
const FONTS = 'ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, Liberation Mono, monospace';
const GROUND = '#0d1117';
const TEXT = '#e6edf3';
/** The 16 colours of a terminal, on a dark ground. */
const PALETTE = [
  ...['#484f58', '#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf', '#b1bac4'],
  ...['#6e7681', '#ffa198', '#56d364', '#e3b341', '#79c0ff', '#d2a8ff', '#56d4dd', '#f0f6fc'],
];

/** A row as it is drawn; the line that its letters stand on is at 0. */
type Row = string;

/** What stands on a terminal, row by row from `from` on. */
export function rowsOf(terminal: Terminal, from: number, count: number): Row[] {
  const {active} = terminal.buffer;
  return Array.from({length: count}, (_, y) => rowOf(active, from + y, terminal.cols));
}

/** A picture that does not move. */
export function stillSvg(title: string, columns: number, rows: readonly Row[]): string {
  const drawn = rows.map((row, y) => placed(row, y, '')).filter(row => row !== '');
  return framed(title, columns, rows.length, '', drawn);
}

export interface Frame {
  readonly atMs: number;
  readonly rows: readonly Row[];
}

/**
 * A picture that moves for ever, by CSS alone. A row is drawn once for each stretch in which it stays the same; where nothing may
 * move, or nothing can, the last frame stands.
 */
export function movingSvg(title: string, columns: number, frames: readonly Frame[], lengthMs: number): string {
  const parts = frames[0]!.rows.flatMap((_, y) => stretches(frames, y, lengthMs).map(part => ({...part, y})));
  const shown = parts.filter(({row}) => row !== '');
  // A row that moves down is the same row.
  const ids = new Map<Row, string>();
  for (const {row} of shown) if (!ids.has(row)) ids.set(row, `r${ids.size}`);
  const steps = new Map<string, string>();
  const drawn = shown.map(({row, y, fromMs, untilMs}) => {
    const use = `<use href="#${ids.get(row)}"/>`;
    if (fromMs === 0 && untilMs === lengthMs) return placed(use, y, '');
    const [from, until] = [fromMs, untilMs].map(ms => Number(((100 * ms) / lengthMs).toFixed(2)));
    const text = [
      ...(from! > 0 ? ['0%{visibility:hidden}'] : []),
      `${from}%{visibility:visible}`,
      ...(until! < 100 ? [`${until}%{visibility:hidden}`] : []),
      `100%{visibility:${until! < 100 ? 'hidden' : 'visible'}}`,
    ].join('');
    const name = steps.get(text) ?? `k${steps.size}`;
    steps.set(text, name);
    return placed(use, y, ` class="${untilMs === lengthMs ? 'm' : 'm h'} ${name}"`);
  });
  const style = [
    '.h{visibility:hidden}',
    `@media (prefers-reduced-motion:no-preference){.m{animation:${lengthMs}ms step-end infinite}`,
    ...[...steps.values()].map(name => `.${name}{animation-name:${name}}`),
    '}',
    ...[...steps].map(([text, name]) => `@keyframes ${name}{${text}}`),
  ].join('\n');
  const defined = ['<defs>', ...[...ids].map(([row, id]) => `<g id="${id}">${row}</g>`), '</defs>'];
  return framed(title, columns, frames[0]!.rows.length, style, [...defined, ...drawn]);
}

interface Stretch {
  readonly row: Row;
  readonly fromMs: number;
  readonly untilMs: number;
}

function stretches(frames: readonly Frame[], y: number, lengthMs: number): Stretch[] {
  const found: Stretch[] = [];
  for (const {atMs, rows} of frames) {
    const last = found.at(-1);
    if (last?.row === rows[y]) continue;
    if (last) found[found.length - 1] = {...last, untilMs: atMs};
    found.push({row: rows[y]!, fromMs: atMs, untilMs: lengthMs});
  }
  return found;
}

function placed(row: Row, y: number, attributes: string): string {
  return row === ''
    ? ''
    : `<g transform="translate(${PADDING} ${BAR + PADDING + y * CELL.height + CELL.baseline})"${attributes}>${row}</g>`;
}

function framed(title: string, columns: number, rows: number, style: string, drawn: readonly string[]): string {
  const width = Math.ceil(columns * CELL.width + 2 * PADDING);
  const height = BAR + rows * CELL.height + 2 * PADDING;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>\ntext{font-family:${FONTS};font-size:${FONT}px;fill:${TEXT}}`,
    ...PALETTE.map((colour, i) => `.c${i}{fill:${colour}}`),
    `.b{font-weight:bold}\n.d{opacity:.6}\n${style}</style>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${GROUND}"/>`,
    ...['#ff5f56', '#ffbd2e', '#27c93f'].map((fill, i) => `<circle cx="${20 + 20 * i}" cy="18" r="6" fill="${fill}"/>`),
    `<text x="${width / 2}" y="22" text-anchor="middle" class="d">${escaped(title)}</text>`,
    ...drawn,
    '</svg>',
  ].join('\n')}\n`;
}

interface Look {
  readonly colour: number | null;
  readonly ground: number | null;
  readonly isBold: boolean;
  readonly isDim: boolean;
  readonly isInverse: boolean;
}

/** Cells beside each other that look alike. */
interface Run {
  readonly at: number;
  readonly look: Look;
  readonly cells: readonly {readonly text: string; readonly width: number}[];
}

function rowOf(buffer: IBuffer, y: number, columns: number): Row {
  const line = buffer.getLine(y);
  if (!line) return '';
  const runs: {at: number; look: Look; cells: {text: string; width: number}[]}[] = [];
  for (let x = 0; x < columns; x++) {
    const cell = line.getCell(x)!;
    // The right half of a wide character.
    if (cell.getWidth() === 0) continue;
    const look = lookOf(cell);
    const last = runs.at(-1);
    const own = {text: cell.getChars() || ' ', width: cell.getWidth()};
    if (last && JSON.stringify(last.look) === JSON.stringify(look)) last.cells.push(own);
    else runs.push({at: x, look, cells: [own]});
  }
  return runs.map(drawnRun).join('');
}

function lookOf(cell: IBufferCell): Look {
  return {
    colour: cell.isFgPalette() ? cell.getFgColor() : null,
    ground: cell.isBgPalette() ? cell.getBgColor() : null,
    isBold: cell.isBold() !== 0,
    isDim: cell.isDim() !== 0,
    isInverse: cell.isInverse() !== 0,
  };
}

function drawnRun({at, look, cells}: Run): string {
  const {colour, ground, isBold, isDim, isInverse} = look;
  const width = cells.reduce((sum, cell) => sum + cell.width, 0);
  const fill = colour === null ? TEXT : PALETTE[colour]!;
  const parts: string[] = [];
  if (isInverse || ground !== null) parts.push(rect(at, 0, width, 1, isInverse ? fill : PALETTE[ground!]!));
  const ink = isInverse ? GROUND : fill;
  const classes = [...(colour === null || isInverse ? [] : [`c${colour}`]), ...(isBold ? ['b'] : [])].join(' ');
  const attributes = `${classes === '' ? '' : ` class="${classes}"`}${isInverse ? ` style="fill:${GROUND}"` : ''}`;
  let x = at;
  let plain = {at, text: ''};
  const flush = () => {
    parts.push(textOf(plain.at, plain.text, attributes));
    plain = {at: x, text: ''};
  };
  for (const {text, width: cellWidth} of merged(cells)) {
    const shape = shapeOf(text, x, cellWidth, ink);
    if (shape !== null || !/^[ -~]$/.test(text)) {
      flush();
      // A font may have this one from another font, and wider: it stands in the middle of its cell.
      const middle = px((x + cellWidth / 2) * CELL.width);
      parts.push(shape ?? `<text x="${middle}" text-anchor="middle"${attributes}>${escaped(text)}</text>`);
      plain = {at: x + cellWidth, text: ''};
    } else plain.text += text;
    x += cellWidth;
  }
  flush();
  const drawn = parts.join('');
  return isDim && drawn !== '' ? `<g class="d">${drawn}</g>` : drawn;
}

/** What fills its cells from side to side is one thing for as many as there are in a row. */
function merged(cells: Run['cells']): Run['cells'] {
  const found: {text: string; width: number}[] = [];
  for (const cell of cells) {
    const last = found.at(-1);
    if (last?.text === cell.text && /[─█░]/.test(cell.text)) last.width += cell.width;
    else found.push({...cell});
  }
  return found;
}

/** Words that one space parts stay together: not every renderer keeps more of them. */
function textOf(at: number, text: string, attributes: string): string {
  const phrases = [...text.matchAll(/\S+(?: \S+)*/g)];
  return phrases
    .map(({0: phrase, index}) => {
      const length = phrase.length > 1 ? ` textLength="${px(phrase.length * CELL.width)}"` : '';
      return `<text x="${px((at + index) * CELL.width)}"${length}${attributes}>${escaped(phrase)}</text>`;
    })
    .join('');
}

/** Parts of a cell that blocks fill: left, top, width, height, and how much of the ink. */
const BLOCKS: Readonly<Record<string, readonly [number, number, number, number, number]>> = {
  '█': [0, 0, 1, 1, 1],
  '▌': [0, 0, 0.5, 1, 1],
  '▐': [0.5, 0, 0.5, 1, 1],
  '░': [0, 0, 1, 1, 0.3],
  '▁': [0, 7 / 8, 1, 1 / 8, 1],
  '▂': [0, 6 / 8, 1, 2 / 8, 1],
  '▃': [0, 5 / 8, 1, 3 / 8, 1],
  '▄': [0, 4 / 8, 1, 4 / 8, 1],
  '▅': [0, 3 / 8, 1, 5 / 8, 1],
  '▆': [0, 2 / 8, 1, 6 / 8, 1],
  '▇': [0, 1 / 8, 1, 7 / 8, 1],
};
/** Ends of the lines that meet in the middle of a cell: up, right, down, left. */
const LINES: Readonly<Record<string, string>> = {
  '│': 'ud',
  '├': 'urd',
  '└': 'ur',
  '┌': 'rd',
  '┐': 'dl',
  '┘': 'ul',
  '┤': 'udl',
  '┬': 'rdl',
  '┴': 'url',
  '┼': 'urdl',
};

/** What must meet without a gap is drawn, whatever the font has for it; null for text. */
function shapeOf(text: string, x: number, cellWidth: number, ink: string): string | null {
  const block = BLOCKS[text];
  if (block) {
    const [left, top, width, height, share] = block;
    return rect(x + left, top, width * cellWidth, height, ink, share);
  }
  if (text === '─')
    return `<path d="M${px(x * CELL.width)} ${CELL.height / 2 - CELL.baseline}h${px(cellWidth * CELL.width)}" stroke="${ink}"/>`;
  const ends = LINES[text];
  if (ends === undefined) return null;
  const [middle, half] = [px((x + 0.5) * CELL.width), CELL.height / 2 - CELL.baseline];
  const to: Readonly<Record<string, string>> = {
    u: `V${-CELL.baseline}`,
    d: `V${CELL.height - CELL.baseline}`,
    l: `H${px(x * CELL.width)}`,
    r: `H${px((x + 1) * CELL.width)}`,
  };
  const path = [...ends].map(end => `M${middle} ${half}${to[end]}`).join('');
  return `<path d="${path}" stroke="${ink}" fill="none"/>`;
}

function rect(x: number, y: number, width: number, height: number, fill: string, share = 1): string {
  const opacity = share === 1 ? '' : ` opacity="${share}"`;
  return `<rect x="${px(x * CELL.width)}" y="${px(y * CELL.height - CELL.baseline)}" width="${px(width * CELL.width)}" height="${px(height * CELL.height)}" fill="${fill}"${opacity}/>`;
}

function px(value: number): number {
  return Number(value.toFixed(2));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
