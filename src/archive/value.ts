/**
 * A value of a row, as written in a line of an archive. Plain JSON if that represents the stored value exactly: text,
 * null, and numbers (whole ones are integers, others reals). Other values name their type.
 */
export type ArchivedValue =
  | null
  | string
  | number
  /** Beyond 2^53. */
  | {readonly int: string}
  /** A real without a fraction, or one that JSON cannot write. */
  | {readonly real: string}
  /** Base64. */
  | {readonly blob: string}
  /** Text that is not UTF-8, in base64. */
  | {readonly text: string};

export type ArchivedRow = Readonly<Record<string, ArchivedValue>>;

/** A value as SQLite stores it: its bytes or number, and `typeof`. Text comes as bytes. */
export function fromSqlite(value: string | number | bigint | Buffer | null, type: string): ArchivedValue {
  if (value === null) return null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : {int: value.toString()};
  if (typeof value === 'number')
    return Number.isInteger(value) || !Number.isFinite(value) ? {real: String(value)} : value;
  if (typeof value === 'string') return value;
  if (type === 'blob') return {blob: value.toString('base64')};
  const text = value.toString('utf8');
  // Invalid UTF-8 was replaced; a genuine replacement character still compares equal.
  return text.includes('\ufffd') && !Buffer.from(text, 'utf8').equals(value) ? {text: value.toString('base64')} : text;
}

/** A value as Postgres spells it. Integers become JSON numbers, so that archives of both databases look alike. */
export function fromPostgres(value: string | null, columnType: string): ArchivedValue {
  if (value === null || !/^(bigint|integer|smallint)$/.test(columnType)) return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : {int: value};
}

/** The type of a value, for inserting it into a database. */
export type Restored =
  | {readonly type: 'null'}
  | {readonly type: 'text'; readonly text: string}
  | {readonly type: 'integer'; readonly integer: bigint}
  | {readonly type: 'real'; readonly real: number}
  | {readonly type: 'blob' | 'badText'; readonly bytes: Buffer};

/** @throws Error for a value that no archive contains */
export function restored(value: ArchivedValue): Restored {
  if (value === null) return {type: 'null'};
  if (typeof value === 'string') return {type: 'text', text: value};
  if (typeof value === 'number')
    return Number.isInteger(value) ? {type: 'integer', integer: BigInt(value)} : {type: 'real', real: value};
  if (typeof value === 'object') {
    if ('int' in value) return {type: 'integer', integer: BigInt(value.int)};
    if ('real' in value) return {type: 'real', real: Number(value.real)};
    if ('blob' in value) return {type: 'blob', bytes: Buffer.from(value.blob, 'base64')};
    if ('text' in value) return {type: 'badText', bytes: Buffer.from(value.text, 'base64')};
  }
  throw new Error('not a value of an archive');
}
