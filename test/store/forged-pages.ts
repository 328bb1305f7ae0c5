import {readFileSync, writeFileSync} from 'node:fs';
import Database from 'better-sqlite3';

const INTERIOR = {13: 5, 10: 2} as const;
/** SQLite follows twenty; with five ways on from each of these, the first leaf is come to a hundred billion times. */
const LEVELS = 16;
const CHILDREN = 4;

/**
 * Has the pages of a table or an index lead to the same rows again and again, for longer than anybody lives: between its root
 * and its first leaf come pages whose every child is the next of them.
 */
export function forgePages(file: string, name: string): void {
  const db = new Database(file);
  db.pragma('wal_checkpoint(truncate)');
  db.pragma('journal_mode = delete');
  const root = db.prepare('select rootpage from sqlite_master where name = ?').pluck().get(name) as number;
  const size = db.pragma('page_size', {simple: true}) as number;
  db.close();
  const bytes = readFileSync(file);
  const count = bytes.length / size;
  const at = (page: number) => (page - 1) * size;
  let leaf = root;
  for (let type = bytes[at(leaf)]!; type === 2 || type === 5; type = bytes[at(leaf)]!) {
    leaf = bytes.readUInt32BE(at(leaf) + bytes.readUInt16BE(at(leaf) + 12));
    if (type !== 2 && type !== 5) throw new Error('not a tree');
  }
  const type = bytes[at(leaf)] as 10 | 13;
  const cells = Array.from({length: CHILDREN}, (_, i) => {
    const from = at(leaf) + bytes.readUInt16BE(at(leaf) + 8 + 2 * i);
    const [length, lengthSize] = varint(bytes, from);
    const keySize = type === 13 ? varint(bytes, from + lengthSize)[1] : 0;
    // Of a table the key alone, of an index the entry.
    return type === 13
      ? bytes.subarray(from + lengthSize, from + lengthSize + keySize)
      : bytes.subarray(from, from + lengthSize + length);
  });
  const page = (child: number) => {
    const made = Buffer.alloc(size);
    made[0] = INTERIOR[type];
    made.writeUInt16BE(cells.length, 3);
    made.writeUInt32BE(child, 8);
    let end = size;
    for (const [i, cell] of cells.entries()) {
      end -= 4 + cell.length;
      made.writeUInt32BE(child, end);
      cell.copy(made, end + 4);
      made.writeUInt16BE(end, 12 + 2 * i);
    }
    made.writeUInt16BE(end, 5);
    return made;
  };
  if (leaf === root) throw new Error(`"${name}" has one page; forge a larger one`);
  page(count + 1).copy(bytes, at(root));
  const more = Array.from({length: LEVELS}, (_, i) => page(i === LEVELS - 1 ? leaf : count + i + 2));
  bytes.writeUInt32BE(count + LEVELS, 28);
  writeFileSync(file, Buffer.concat([bytes, ...more]));
}

/** Has a table or an index hold nothing. */
export function emptyPages(file: string, name: string): void {
  const db = new Database(file);
  db.pragma('wal_checkpoint(truncate)');
  db.pragma('journal_mode = delete');
  const root = db.prepare('select rootpage from sqlite_master where name = ?').pluck().get(name) as number;
  const size = db.pragma('page_size', {simple: true}) as number;
  db.close();
  const bytes = readFileSync(file);
  const at = (root - 1) * size;
  const isTable = bytes[at] === 5 || bytes[at] === 13;
  bytes.fill(0, at, at + size);
  bytes[at] = isTable ? 13 : 10;
  writeFileSync(file, bytes);
}

function varint(bytes: Buffer, from: number): [value: number, size: number] {
  let value = 0;
  for (let size = 1; size <= 8; size++) {
    const byte = bytes[from + size - 1]!;
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return [value, size];
  }
  throw new Error('longer than any of ours');
}
