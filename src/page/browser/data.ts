import type {PageContent, PageRow, PageRun} from '../contents.ts';

const LAST = 'b-last';
const texts = new Map<string, Promise<unknown>>();

/** A block of the page: JSON, packed with gzip, in base64. Read once. */
export function readBlock<Value>(block: number | 'last'): Promise<Value> {
  const id = block === 'last' ? LAST : `b${block}`;
  const known = texts.get(id) ?? unpacked(document.getElementById(id)?.textContent ?? '');
  texts.set(id, known);
  return known as Promise<Value>;
}

async function unpacked(base64: string): Promise<unknown> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
}

/** A row of a tree with its position. */
export interface TreeRow extends PageRow {
  readonly at: number;
  /** Row of the parent; -1: a top. */
  readonly up: number;
  /** Row after the last one below it. */
  readonly end: number;
  /** From 0. */
  readonly level: number;
}

/** A run, prepared for drawing. */
export interface DrawnRun extends Omit<PageRun, 'rows' | 'fields'> {
  readonly rows: readonly TreeRow[];
}

export async function readRun(block: number): Promise<DrawnRun> {
  const run = await readBlock<PageRun>(block);
  const plain = run.rows.map(
    values => Object.fromEntries(run.fields.map((key, i) => [key, values[i]])) as unknown as PageRow,
  );
  const top = plain.reduce((least, {depth}) => Math.min(least, depth), Number.POSITIVE_INFINITY);
  const rows: {-readonly [Key in keyof TreeRow]: TreeRow[Key]}[] = [];
  const path: number[] = [];
  const close = (level: number, at: number) => {
    while (path.length > level) rows[path.pop()!]!.end = at;
  };
  for (const [at, row] of plain.entries()) {
    const level = Math.min(row.depth - top, path.length);
    close(level, at);
    rows.push({...row, at, level, up: path.at(-1) ?? -1, end: at + 1});
    path.push(at);
  }
  close(0, rows.length);
  return {...run, rows};
}

/** Everything stored for a row; null: nothing. */
export async function readContent(run: DrawnRun, {content}: PageRow): Promise<PageContent | null> {
  if (content === null) return null;
  const [block, before] = run.contents.findLast(([, first]) => first <= content)!;
  return (await readBlock<PageContent[]>(block))[content - before] ?? null;
}
