import {closeSync, fstatSync, read, readSync, statSync} from 'node:fs';
import {Readable} from 'node:stream';
import {promisify} from 'node:util';
import {createGunzip, constants as zlib} from 'node:zlib';
import {EXIT, fileReason, UserError} from '../errors.ts';
import {openRegular} from '../private-file.ts';
import {
  type ArchiveHeader,
  chainedHash,
  FIRST_HASH,
  FORMAT_VERSION,
  type Line,
  type Manifest,
  MOST_BATCH_BYTES,
  MOST_LINE_BYTES,
  type Trailer,
} from './format.ts';
import {isGzip} from './member.ts';
import {isPlain, lineFrom} from './shape.ts';
import type {ArchivedRow} from './value.ts';

/** A batch with correct hash and counts. */
export interface Batch {
  readonly traces: readonly ArchivedRow[];
  readonly spans: readonly ArchivedRow[];
  readonly trailer: Trailer;
  /** Position of its end in the unpacked text. */
  readonly endsAt: number;
}

/** How a file ended. */
export interface ArchiveEnd {
  /** Only in a completed archive. */
  readonly manifest: Manifest | null;
  /**
   * Rows after the last complete batch: written when the program was interrupted, and never deleted from the
   * database.
   */
  readonly looseRows: number;
}

export interface OpenArchive {
  readonly header: ArchiveHeader;
  /**
   * Complete batches in order; a truncated end is not an error.
   * @throws UserError exit 7 if the file was changed or damaged
   */
  batches(): AsyncGenerator<Batch, ArchiveEnd>;
}

/**
 * Opens an archive, plain or gzip, completed or not.
 * @param handle an open descriptor to read instead, which is not closed; `file` is then only for messages
 * @throws UserError exit 4 if it cannot be read, exit 5 if it is not an archive, or has a later version
 */
export async function openArchive(file: string, handle?: number): Promise<OpenArchive> {
  const lines = linesOf(file, handle);
  const first = await lines.next();
  const header = first.done ? null : parsed(first.value.bytes);
  if (!header || !('agnoTraceArchive' in header)) {
    await lines.return(undefined);
    throw new UserError(EXIT.schema, `"${file}" is not an archive that agno-trace wrote.`, {
      hint: 'agno-trace prune --archive FILE writes one.',
    });
  }
  if (header.agnoTraceArchive !== FORMAT_VERSION) {
    await lines.return(undefined);
    throw new UserError(EXIT.schema, `"${file}" is an archive of format ${JSON.stringify(header.agnoTraceArchive)}.`, {
      hint: `This version reads format ${FORMAT_VERSION}. Use a newer one.`,
    });
  }
  const {size} = handle === undefined ? statSync(file) : fstatSync(handle);
  return {header, batches: () => batchesOf(file, lines, size)};
}

/** True for a file that was truncated within its first line: it has no row. */
export async function isBlank(file: string, handle: number): Promise<boolean> {
  for await (const {isWhole} of linesOf(file, handle)) return !isWhole;
  return true;
}

/** @param fileBytes size of the file, compressed or not */
async function* batchesOf(
  file: string,
  lines: AsyncGenerator<RawLine>,
  fileBytes: number,
): AsyncGenerator<Batch, ArchiveEnd> {
  let before = FIRST_HASH;
  let number = 0;
  const total = {traces: 0, spans: 0};
  let [traces, spans]: ArchivedRow[][] = [[], []];
  let hash = chainedHash(before);
  let batchBytes = 0;
  let rows = 0;
  for await (const {bytes, endsAt, isWhole} of lines) {
    const line = parsed(bytes);
    if (line === null) {
      // Only the last line can be truncated; an unreadable line before it means damage.
      if (!isWhole) break;
      throw damaged(file, number + 1, 'a line that cannot be read');
    }
    if ('manifest' in line) {
      const {manifest} = line;
      const isSame =
        manifest.batches === number &&
        manifest.traces === total.traces &&
        manifest.spans === total.spans &&
        manifest.sha256 === before;
      if (!isSame || traces!.length + spans!.length > 0) throw damaged(file, number, 'it does not match its last line');
      const after = await lines.next();
      if (!after.done) throw damaged(file, number, 'there is data after its last line');
      return {manifest, looseRows: 0};
    }
    if ('batch' in line) {
      const sha256 = hash.digest();
      if (line.batch !== number + 1) throw damaged(file, number + 1, `batch ${number + 1} is missing`);
      if (line.sha256 !== sha256) throw damaged(file, line.batch, 'its hash does not match');
      if (line.traces !== traces!.length || line.spans !== spans!.length)
        throw damaged(file, line.batch, 'its counts do not match');
      number++;
      total.traces += traces!.length;
      total.spans += spans!.length;
      yield {traces: traces!, spans: spans!, trailer: line, endsAt};
      [traces, spans] = [[], []];
      before = sha256;
      hash = chainedHash(before);
      batchBytes = 0;
      continue;
    }
    hash.update(bytes);
    batchBytes += bytes.length;
    // One row may be as large as a line; all of them are in memory until their hash has been checked.
    if (batchBytes > MOST_BATCH_BYTES && traces!.length + spans!.length > 0)
      throw damaged(file, number + 1, `its rows are larger than ${megabytes(MOST_BATCH_BYTES)}, the limit for a batch`);
    // A few megabytes can unpack to a hundred million empty rows. Real rows have ids, which take space.
    if (++rows > fileBytes) throw damaged(file, number + 1, 'it claims more rows than it has bytes');
    if ('trace' in line) traces!.push(line.trace);
    else if ('span' in line) spans!.push(line.span);
    else throw damaged(file, number + 1, 'a line of an unknown kind');
  }
  return {manifest: null, looseRows: traces!.length + spans!.length};
}

const megabytes = (bytes: number) => `${bytes / 1024 ** 2} MB`;

function damaged(file: string, batch: number, what: string): UserError {
  return new UserError(EXIT.different, `"${file}" is damaged at batch ${batch}: ${what}.`, {
    hint: 'The batches before it are correct. Do you have another copy?',
  });
}

interface RawLine {
  /** Including its line break. */
  readonly bytes: Buffer;
  readonly endsAt: number;
  /** Ends with a line break. */
  readonly isWhole: boolean;
}

/**
 * Lines as bytes. From a truncated file, everything that can still be unpacked. Only one line is in memory: a small
 * file may unpack to any size.
 */
async function* linesOf(file: string, handle?: number): AsyncGenerator<RawLine> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let at = 0;
  let fd = handle;
  try {
    fd ??= openRegular(file);
    for await (const chunk of unpacked(fd)) {
      let from = 0;
      if (
        restBytes + chunk.length > MOST_LINE_BYTES &&
        restBytes + (chunk.indexOf(10) + 1 || chunk.length) > MOST_LINE_BYTES
      )
        throw new UserError(
          EXIT.different,
          `"${file}" is damaged: it has a line longer than ${megabytes(MOST_LINE_BYTES)}.`,
          {
            hint: 'agno-trace never writes such a line. Do you have another copy?',
          },
        );
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        const bytes =
          rest.length > 0 ? Buffer.concat([...rest, chunk.subarray(from, end + 1)]) : chunk.subarray(from, end + 1);
        rest = [];
        restBytes = 0;
        at += bytes.length;
        yield {bytes, endsAt: at, isWhole: true};
        from = end + 1;
      }
      if (from === chunk.length) continue;
      rest.push(chunk.subarray(from));
      restBytes += chunk.length - from;
    }
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    if (fd !== undefined && fd !== handle) closeSync(fd);
  }
  if (rest.length > 0) {
    const bytes = Buffer.concat(rest);
    yield {bytes, endsAt: at + bytes.length, isWhole: false};
  }
}

const CHUNK_BYTES = 1 << 20;

function unpacked(fd: number): AsyncIterable<Buffer> {
  const head = Buffer.alloc(2);
  readSync(fd, head, 0, 2, 0);
  if (!isGzip(head)) return chunksOf(fd);
  const packed = Readable.from(chunksOf(fd));
  const unzip = createGunzip({finishFlush: zlib.Z_SYNC_FLUSH, chunkSize: CHUNK_BYTES});
  packed.on('error', error => unzip.destroy(error));
  unzip.on('close', () => packed.destroy());
  return packed.pipe(unzip);
}

/** Node's file stream would close the descriptor, even one that it does not own. */
async function* chunksOf(fd: number): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const {bytesRead, buffer} = await readAt(fd, Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
const readAt = promisify(read);

function unreadable(file: string, error: unknown): unknown {
  if (error instanceof UserError) return error;
  const {code = ''} = error as NodeJS.ErrnoException;
  if (code.startsWith('Z_'))
    return new UserError(EXIT.different, `"${file}" is damaged: it cannot be unpacked.`, {
      hint: 'Do you have another copy?',
      cause: error,
    });
  if (code === '') return error;
  return new UserError(EXIT.unreachable, `archive "${file}" cannot be read: ${fileReason(error)}.`, {
    hint: 'Check the path.',
    cause: error,
  });
}

function parsed(bytes: Buffer): Line | null {
  try {
    return isPlain(bytes) ? lineFrom(JSON.parse(bytes.toString('utf8'))) : null;
  } catch {
    return null;
  }
}
