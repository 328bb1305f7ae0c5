import {createHash} from 'node:crypto';
import type {ArchivedRow} from './value.ts';

/*
 * An archive is a text file of one JSON value a line (NDJSON), or the same as gzip with a member per batch:
 *
 *   {"agnoTraceArchive":1, …}            header: where the rows come from
 *   {"span":{"span_id":…, …}}            rows, by column; spans of a batch before its traces
 *   {"trace":{"trace_id":…, …}}
 *   {"batch":1,"traces":1,"spans":1,"first":…,"last":…,"sha256":…}   trailer: rows since the last one are whole
 *   …
 *   {"manifest":{…}}                     the last line of an archive that was finished
 *
 * A batch's hash covers the hash before it and the bytes of its lines, so that none can be lost, changed or moved.
 */
export const FORMAT_VERSION = 1;

/** Size limit of one row as a line, with its line break: while parsing, a reader has it in memory several times. */
export const MOST_LINE_BYTES = 128 * 1024 ** 2;
/** A batch is written when its rows reach this size; a larger row gets a batch of its own. */
export const BATCH_BYTES = 16 * 1024 ** 2;
/** A batch that a stranger wrote may be larger, but never so large that reading it is dangerous. */
export const MOST_BATCH_BYTES = 4 * BATCH_BYTES;

/** Databases whose rows are archived. */
export const ARCHIVED_DIALECTS = ['sqlite', 'postgres', 'clickhouse'] as const;

export interface ArchiveColumn {
  readonly name: string;
  /** The database's name for it. */
  readonly type: string;
}

export interface ArchiveHeader {
  readonly agnoTraceArchive: number;
  readonly dialect: (typeof ARCHIVED_DIALECTS)[number];
  /** Of the database, without secrets. */
  readonly source: string;
  readonly tables: {readonly traces: string; readonly spans: string};
  readonly columns: {readonly traces: readonly ArchiveColumn[]; readonly spans: readonly ArchiveColumn[]};
  /**
   * Rows are older than this moment, ISO. It belongs to the run that began the file; if the archive was continued,
   * the manifest has a later one.
   */
  readonly cutoff: string;
  /** Which traces, in words. */
  readonly selection: string;
  readonly writtenBy: string;
  readonly createdAt: string;
}

export interface Trailer {
  /** From 1. */
  readonly batch: number;
  readonly traces: number;
  readonly spans: number;
  /** Trace ids. */
  readonly first: string;
  readonly last: string;
  readonly sha256: string;
}

export interface Manifest {
  readonly batches: number;
  readonly traces: number;
  readonly spans: number;
  /** Of the last batch, and through the chain of all. */
  readonly sha256: string;
  /** All rows are older than this moment, ISO. */
  readonly cutoff: string;
  readonly finishedAt: string;
}

/** One line, parsed. */
export type Line =
  | {readonly trace: ArchivedRow}
  | {readonly span: ArchivedRow}
  | Trailer
  | {readonly manifest: Manifest}
  | ArchiveHeader;

/** The start of the hash chain. */
export const FIRST_HASH = '';

export function chainedHash(before: string): {update(bytes: Buffer): void; digest(): string} {
  const hash = createHash('sha256').update(before);
  return {update: bytes => void hash.update(bytes), digest: () => hash.digest('hex')};
}

export function lineOf(value: Line): string {
  return `${JSON.stringify(value)}\n`;
}
