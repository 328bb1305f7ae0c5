import {fstatSync, lstatSync, readSync, statSync} from 'node:fs';
import path from 'node:path';
import {EXIT, FileRefused, fileReason, UserError, usageError} from '../errors.ts';
import {command} from '../text/shell.ts';
import {DISK, type Disk} from './disk.ts';
import {
  type ArchiveHeader,
  BATCH_BYTES,
  chainedHash,
  FIRST_HASH,
  lineOf,
  type Manifest,
  MOST_LINE_BYTES,
  type Trailer,
} from './format.ts';
import {gzipMember, MEMBER_HEAD_BYTES, memberLength} from './member.ts';
import {isBlank, openArchive} from './reader.ts';
import type {ArchivedRow, ArchivedValue} from './value.ts';

export interface BatchRows {
  readonly traces: readonly ArchivedRow[];
  readonly spans: readonly ArchivedRow[];
}

interface Standing extends Pick<Manifest, 'batches' | 'traces' | 'spans' | 'sha256'> {
  /** Length of the file so far, bytes. */
  readonly bytes: number;
}

const NOTHING = {batches: 0, traces: 0, spans: 0, sha256: FIRST_HASH};

/**
 * Writes an archive beside its final name, as `FILE.partial`, private to its owner. Each batch is on disk when
 * `append` returns; `finish` gives the file its final name. If a killed run left a `FILE.partial`, it is continued
 * after its last complete batch: rows after that were never deleted from the database.
 */
export class ArchiveWriter {
  /** The state before the last batch, for `takeBack`. */
  private before: Standing | null = null;

  /** The state when it was opened, for `takeAllBack`. */
  private readonly opened: Standing;

  private constructor(
    readonly file: string,
    private readonly disk: Disk,
    private readonly handle: number,
    private standing: Standing,
  ) {
    this.opened = standing;
  }

  /** What has been written, including earlier batches of a continued file. */
  get written(): Pick<Manifest, 'batches' | 'traces' | 'spans'> {
    return this.standing;
  }

  /** @throws UserError exit 2 if the file exists already, exit 1 if it cannot be written */
  static async open(file: string, header: ArchiveHeader, disk: Disk = DISK): Promise<ArchiveWriter> {
    checkPlace(file);
    const left = await ArchiveWriter.reopen(file, header, disk);
    if (left) return left;
    const partial = partialOf(file);
    try {
      const handle = disk.create(partial);
      try {
        const bytes = encoded(file, lineOf(header));
        disk.write(handle, bytes, 0);
        disk.sync(handle);
        return new ArchiveWriter(file, disk, handle, {...NOTHING, bytes: bytes.length});
      } catch (error) {
        disk.close(handle);
        disk.remove(partial);
        throw error;
      }
    } catch (error) {
      throw cannotWrite(file, error);
    }
  }

  /**
   * Opens what a killed run left; null: nothing useful.
   * @throws UserError exit 2 if it cannot be continued
   */
  static async reopen(file: string, header: ArchiveHeader, disk: Disk = DISK): Promise<ArchiveWriter | null> {
    const partial = partialOf(file);
    try {
      const left = reopened(disk, partial);
      if (left === null) return null;
      const standing = await leftStanding(partial, left, file, header).catch(error => {
        disk.close(left);
        throw error;
      });
      if (standing) {
        disk.truncate(left, standing.bytes);
        disk.sync(left);
        return new ArchiveWriter(file, disk, left, standing);
      }
      disk.close(left);
      disk.remove(partial);
      return null;
    } catch (error) {
      throw cannotWrite(file, error);
    }
  }

  /**
   * Writes rows and their trailer to disk, large ones as several batches. If it throws, `takeBack` removes everything
   * that was written.
   */
  append({traces, spans}: BatchRows): void {
    this.before = this.standing;
    try {
      let batch = new OpenBatch(this.standing.sha256);
      const add = (kind: 'span' | 'trace', row: ArchivedRow) => {
        const bytes = rowLine(kind, row);
        if (!batch.hasRoomFor(bytes)) {
          this.put(batch);
          batch = new OpenBatch(this.standing.sha256);
        }
        batch.add(kind, row, bytes);
      };
      for (const span of spans) add('span', span);
      for (const trace of traces) add('trace', trace);
      this.put(batch);
      this.disk.sync(this.handle);
    } catch (error) {
      throw cannotWrite(this.file, error);
    }
  }

  private put(batch: OpenBatch): void {
    const {standing} = this;
    const {lines, trailer} = batch.closed(standing.batches + 1);
    const bytes = encoded(this.file, lines);
    this.disk.write(this.handle, bytes, standing.bytes);
    this.standing = {
      batches: trailer.batch,
      traces: standing.traces + trailer.traces,
      spans: standing.spans + trailer.spans,
      sha256: trailer.sha256,
      bytes: standing.bytes + bytes.length,
    };
  }

  /** Removes what the last `append` wrote: its rows are known to be still in the database. */
  takeBack(): void {
    if (this.before) this.backTo(this.before);
  }

  /** Removes everything written since it was opened: these rows are known to be still in the database. */
  takeAllBack(): void {
    this.backTo(this.opened);
  }

  private backTo(standing: Standing): void {
    try {
      this.disk.truncate(this.handle, standing.bytes);
      this.standing = standing;
      this.before = null;
    } catch (error) {
      throw cannotWrite(this.file, error);
    }
  }

  /** Writes the last line and gives the file its final name. Without any batch there is no file. */
  finish({cutoff, finishedAt}: Pick<Manifest, 'cutoff' | 'finishedAt'>): void {
    const {batches, traces, spans, sha256, bytes: at} = this.standing;
    try {
      if (batches === 0) {
        this.disk.close(this.handle);
        this.disk.remove(partialOf(this.file));
        return;
      }
      const manifest: Manifest = {batches, traces, spans, sha256, cutoff, finishedAt};
      const bytes = encoded(this.file, lineOf({manifest}));
      this.disk.write(this.handle, bytes, at);
      this.disk.truncate(this.handle, at + bytes.length);
      this.disk.sync(this.handle);
      this.disk.rename(partialOf(this.file), this.file, this.handle);
      this.disk.close(this.handle);
    } catch (error) {
      throw cannotWrite(this.file, error);
    }
  }

  /** Leaves the file as it is, to be continued later. Removes an empty file. */
  leave(): void {
    this.disk.close(this.handle);
    if (this.standing.batches === 0) this.disk.remove(partialOf(this.file));
  }
}

/** Rows that are being written into a file. */
class OpenBatch {
  private readonly lines: Buffer[] = [];
  private readonly rows = {span: 0, trace: 0};
  private readonly hash: ReturnType<typeof chainedHash>;
  private bytes = 0;
  private first = '';
  private last = '';

  constructor(before: string) {
    this.hash = chainedHash(before);
  }

  hasRoomFor(line: Buffer): boolean {
    return this.lines.length === 0 || this.bytes + line.length <= BATCH_BYTES;
  }

  add(kind: 'span' | 'trace', row: ArchivedRow, line: Buffer): void {
    this.last = String(row.trace_id);
    if (this.lines.length === 0) this.first = this.last;
    this.lines.push(line);
    this.rows[kind]++;
    this.bytes += line.length;
    this.hash.update(line);
  }

  closed(batch: number): {lines: Buffer; trailer: Trailer} {
    const {first, last, rows} = this;
    const trailer: Trailer = {batch, traces: rows.trace, spans: rows.span, first, last, sha256: this.hash.digest()};
    return {lines: Buffer.concat([...this.lines, Buffer.from(lineOf(trailer))]), trailer};
  }
}

/** @throws UserError for a row that no reader would accept */
function rowLine(kind: 'span' | 'trace', row: ArchivedRow): Buffer {
  // Checked first: a text beyond the engine's maximum length cannot be built.
  const length = Object.values(row).reduce<number>((sum, value) => sum + lengthOf(value), 0);
  const bytes = length > MOST_LINE_BYTES ? null : Buffer.from(lineOf(kind === 'span' ? {span: row} : {trace: row}));
  if (bytes !== null && bytes.length <= MOST_LINE_BYTES) return bytes;
  throw new UserError(
    EXIT.failed,
    `${kind} "${row[`${kind}_id`]}" is larger than an archive can hold (${MOST_LINE_BYTES / 1024 ** 2} MB), and was not deleted.`,
    {hint: 'Choose other traces, or prune without --archive.'},
  );
}

function lengthOf(value: ArchivedValue): number {
  if (typeof value === 'string') return value.length;
  if (value === null || typeof value === 'number') return 0;
  return Object.values(value as Record<string, string>).reduce((sum, text) => sum + text.length, 0);
}

export function partialOf(file: string): string {
  return `${file}.partial`;
}

function encoded(file: string, text: string | Buffer): Buffer {
  const bytes = Buffer.from(text as string);
  return file.endsWith('.gz') ? gzipMember(bytes) : bytes;
}

/**
 * Refuses a place where an archive cannot be written, before anything is read or deleted.
 * @throws UserError exit 2
 */
export function checkPlace(file: string): void {
  const found = lstatSync(file, {throwIfNoEntry: false});
  if (found?.isDirectory()) throw usageError(`--archive "${file}" is a folder.`, 'Name a file in it.');
  if (found)
    throw usageError(
      `--archive "${file}" already exists, and archives are never overwritten.`,
      'Choose another name, for example with the date: traces-$(date +%F).ndjson.gz',
    );
  const folder = path.dirname(file);
  if (!statSync(folder, {throwIfNoEntry: false})?.isDirectory())
    throw usageError(`there is no folder "${folder}" for the archive.`, command`mkdir -p ${folder}`);
}

function reopened(disk: Disk, partial: string): number | null {
  try {
    return disk.reopen(partial);
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (!(error instanceof FileRefused) && code !== 'ELOOP' && code !== 'EISDIR') throw error;
    throw usageError(
      `"${partial}" is in the way and cannot be resumed: ${fileReason(error)}.`,
      'Move it away, or choose another name.',
    );
  }
}

/**
 * The state of a file that was left behind, up to its last complete batch; null: not even its first line is complete.
 */
async function leftStanding(
  partial: string,
  handle: number,
  file: string,
  header: ArchiveHeader,
): Promise<Standing | null> {
  if (await isBlank(partial, handle)) return null;
  let standing: Omit<Standing, 'bytes'> = NOTHING;
  const archive = await openArchive(partial, handle).catch(error => {
    throw usageError(
      `"${partial}" was left by an earlier run and cannot be resumed: ${(error as Error).message}`,
      'Move it away, or choose another name.',
    );
  });
  const other = archive.header;
  if (other.source !== header.source || JSON.stringify(other.columns) !== JSON.stringify(header.columns))
    throw usageError(`"${partial}" was left by a run on "${other.source}".`, 'Move it away, or choose another name.');
  const batches = archive.batches();
  let endsAt = 0;
  for (;;) {
    const next = await batches.next();
    if (next.done) break;
    const {trailer} = next.value;
    standing = {
      batches: trailer.batch,
      traces: standing.traces + trailer.traces,
      spans: standing.spans + trailer.spans,
      sha256: trailer.sha256,
    };
    endsAt = next.value.endsAt;
  }
  const headerBytes = Buffer.byteLength(lineOf(other));
  const bytes = file.endsWith('.gz')
    ? membersEnd(partial, handle, standing.batches + 1)
    : Math.max(endsAt, headerBytes);
  return {...standing, bytes};
}

/** Position where this number of a file's members ends. */
function membersEnd(file: string, handle: number, members: number): number {
  let at = 0;
  const {size} = fstatSync(handle);
  const head = Buffer.alloc(MEMBER_HEAD_BYTES);
  for (let i = 0; i < members; i++) {
    const isWhole = readSync(handle, head, 0, MEMBER_HEAD_BYTES, at) === MEMBER_HEAD_BYTES;
    const length = isWhole ? memberLength(head) : null;
    if (length === null || length > size - at)
      throw usageError(
        `"${file}" was compressed again and cannot be resumed.`,
        'Move it away, or choose another name.',
      );
    at += length;
  }
  return at;
}

function cannotWrite(file: string, error: unknown): unknown {
  if (error instanceof UserError) return error;
  const {code} = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  return new UserError(EXIT.failed, `the archive "${file}" cannot be written: ${fileReason(error)}.`, {
    hint: 'Only rows that are in the archive were deleted.',
    cause: error,
  });
}
