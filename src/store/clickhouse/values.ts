import type {AnswerValue} from '../../sql/ad-hoc.ts';

/** The type without wrappers that only say that a value may be missing, or how it is stored. */
export function bareType(type: string): string {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/s.exec(type)?.[1];
  return inner === undefined ? type : bareType(inner);
}

const TIME = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?$/;

/** A time in Agno's usual form: with a fraction only if there is one. */
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

/** Converts values of this type to those of the other stores: times to Agno's text, whole numbers to numbers. */
export function readerOf(type: string): (value: unknown) => unknown {
  const bare = bareType(type);
  if (isTimeType(bare)) return value => (typeof value === 'string' ? agnoText(value) : value);
  // Servers before 25.8 quote 64-bit numbers.
  if (isNumberType(bare)) return value => (value === null ? null : Number(value));
  if (bare === 'Bool') return value => (value === null ? null : Number(value === true || value === 'true'));
  return value => value;
}

/** The same for a user's own statement: whole numbers exactly, composite values as JSON. */
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

/** In the form in which `sql` prints Postgres' times. */
function isoText(text: string): string {
  const match = TIME.exec(text);
  return match ? `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0').slice(0, 6)}Z` : text;
}
