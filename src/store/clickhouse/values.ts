import type {AnswerValue} from '../../sql/ad-hoc.ts';

/** Without what says that a value may be missing, or how it is stored. */
export function bareType(type: string): string {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/s.exec(type)?.[1];
  return inner === undefined ? type : bareType(inner);
}

const TIME = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?$/;

/** A time as Agno writes it elsewhere: with a fraction only where there is one. */
function agnoText(text: string): string {
  const match = TIME.exec(text);
  if (!match) return text;
  const [, day, clock, fraction = ''] = match;
  const micros = fraction.padEnd(6, '0').slice(0, 6);
  return `${day}T${clock}${micros === '000000' ? '' : `.${micros}`}+00:00`;
}

const isTimeType = (type: string) => /^DateTime64\(\d+, '(Etc\/)?(UTC|GMT)'\)$/.test(type);
const isIntegerType = (type: string) => /^U?Int\d+$/.test(type);
const isNumberType = (type: string) => isIntegerType(type) || /^(Float|Decimal)/.test(type);

/** How a column of this type is read, as the other stores give it: times as Agno's text, whole numbers as numbers. */
export function readerOf(type: string): (value: unknown) => unknown {
  const bare = bareType(type);
  if (isTimeType(bare)) return value => (typeof value === 'string' ? agnoText(value) : value);
  // Servers before 25.8 put quotes around those of 64 bits.
  if (isNumberType(bare)) return value => (value === null ? null : Number(value));
  if (bare === 'Bool') return value => (value === null ? null : Number(value === true || value === 'true'));
  return value => value;
}

/** The same for whom a user's statement answers: whole numbers exactly, what has parts as JSON. */
export function exactReaderOf(type: string): (value: unknown) => AnswerValue {
  const bare = bareType(type);
  const plain = (value: unknown): AnswerValue =>
    value === null || ['string', 'number', 'boolean'].includes(typeof value)
      ? (value as AnswerValue)
      : JSON.stringify(value);
  if (isTimeType(bare)) return value => (typeof value === 'string' ? isoText(value) : plain(value));
  if (!isIntegerType(bare)) return isNumberType(bare) ? value => (value === null ? null : Number(value)) : plain;
  return value => {
    if (value === null) return null;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : BigInt(String(value));
  };
}

/** As Postgres' times are printed by `sql`. */
function isoText(text: string): string {
  const match = TIME.exec(text);
  return match ? `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0').slice(0, 6)}Z` : text;
}
