import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {agnoTime, isoTime, parseTime} from '../../src/trace/time.ts';

/** 2026-11-22T06:22:35.123456Z. */
const MOMENT = 1_795_328_555_123_456;
const WHOLE_SECOND = 1_795_328_555_000_000;

describe('a stored time is read', () => {
  it.each<[string, unknown, number]>([
    ["as Agno writes it: Python's isoformat", '2026-11-22T06:22:35.123456+00:00', MOMENT],
    ['C1 without a fraction, as Agno writes whole seconds', '2026-11-22T06:22:35+00:00', WHOLE_SECOND],
    ['C1 with milliseconds only', '2026-11-22T06:22:35.123+00:00', WHOLE_SECOND + 123_000],
    ['C1 with one digit', '2026-11-22T06:22:35.5+00:00', WHOLE_SECOND + 500_000],
    ['C2 with Z', '2026-11-22T06:22:35.123456Z', MOMENT],
    ['C2 with z', '2026-11-22t06:22:35.123456z', MOMENT],
    ['C3 with an offset to the east', '2026-11-22T11:52:35.123456+05:30', MOMENT],
    ['C3 with an offset to the west', '2026-11-22T02:52:35.123456-03:30', MOMENT],
    ['C3 with an offset without a colon', '2026-11-22T07:22:35.123456+0100', MOMENT],
    ['C3 with an offset of hours', '2026-11-21T22:22:35.123456-08', MOMENT],
    ['C4 with a blank for T, as str(datetime) writes it', '2026-11-22 06:22:35.123456+00:00', MOMENT],
    ['C4 with a blank before the zone', '2026-11-22 06:22:35.123456 +00:00', MOMENT],
    ['C5 without a zone, as UTC', '2026-11-22T06:22:35.123456', MOMENT],
    ['C5 with a blank and no zone', '2026-11-22 06:22:35', WHOLE_SECOND],
    ['C5 with the letters UTC', '2026-11-22 06:22:35 UTC', WHOLE_SECOND],
    ['C6 with nanoseconds', '2026-11-22T06:22:35.123456789Z', MOMENT],
    ['with a comma before the fraction', '2026-11-22T06:22:35,123456Z', MOMENT],
    ['without seconds', '2026-11-22T06:22', WHOLE_SECOND - 35_000_000],
    ['as a date alone', '2026-11-22', 1_795_305_600_000_000],
    ['with blanks around it', ' 2026-11-22T06:22:35.123456Z\n', MOMENT],
    ['C8 1970', '1970-01-01T00:00:00+00:00', 0],
    ['C8 before 1970', '1969-12-31T23:59:59.999999+00:00', -1],
    ['C8 the year 1, not 1901', '0001-01-01T00:00:00+00:00', -62_135_596_800_000_000],
    ['C8 9999', '9999-12-31T23:59:59+00:00', 253_402_300_799_000_000],
    ['C8 the year 10000', '10000-01-01T00:00:00+00:00', 253_402_300_800_000_000],
    ['C10 a leap second, as the next minute', '2016-12-31T23:59:60Z', 1_483_228_800_000_000],
    ['29 February of a leap year', '2024-02-29T00:00:00Z', 1_709_164_800_000_000],
  ])('%s', (_, value, micros) => {
    expect(parseTime(value)).toBe(micros);
  });

  it.each<[string, unknown, number]>([
    ['seconds', 1_795_328_555, WHOLE_SECOND],
    ['seconds with a fraction', 1_795_328_555.123456, MOMENT],
    ['milliseconds', 1_795_328_555_123, MOMENT - 456],
    ['microseconds', 1_795_328_555_123_456, MOMENT],
    ['nanoseconds, rounded by the driver', 1_795_328_555_123_456_000, MOMENT],
    ['nanoseconds as a bigint', 1_795_328_555_123_456_000n, MOMENT],
    ['seconds as a bigint', 1_795_328_555n, WHOLE_SECOND],
    ['seconds as text', '1795328555', WHOLE_SECOND],
    ['seconds with a fraction as text', '1795328555.123456', MOMENT],
    ['milliseconds as text', '1795328555123', MOMENT - 456],
    ['microseconds as text', '1795328555123456', MOMENT],
    ['nanoseconds as text', '1795328555123456000', MOMENT],
  ])('C7 from an epoch number in %s', (_, value, micros) => {
    expect(parseTime(value)).toBe(micros);
  });

  it('C7 to the microsecond from any epoch number of this century, whatever its unit', () => {
    const micros = fc.integer({min: 946_684_800, max: 4_102_444_800}).map(seconds => seconds * 1_000_000);
    fc.assert(
      fc.property(micros, value => {
        for (const number of [value / 1e6, value / 1e3, value]) {
          expect(parseTime(number)).toBe(value);
          expect(parseTime(String(number))).toBe(value);
        }
        expect(parseTime(BigInt(value) * 1000n)).toBe(value);
        expect(parseTime(`${value}000`)).toBe(value);
      }),
    );
  });
});

describe('what is no time is not guessed', () => {
  it.each([
    ['C9 empty text', ''],
    ['C9 blanks', '  '],
    ['C9 None', 'None'],
    ['C9 null as a word', 'null'],
    ['C9 a localized date', '22. November 2026, 06:22'],
    ['C9 an American date', '11/22/2026 6:22 AM'],
    ['a word', 'yesterday'],
    ['a clock alone', '06:22:35'],
    ['month 13', '2026-13-01T00:00:00Z'],
    ['day 32', '2026-01-32T00:00:00Z'],
    ['hour 25', '2026-01-01T25:00:00Z'],
    ['minute 75', '2026-01-01T10:75:00Z'],
    ['second 75', '2026-01-01T10:00:75Z'],
    ['text after the time', '2026-11-22T06:22:35Z or so'],
    ['escape bytes in the time', '2026-11-22T06:22:35\x1b[2J'],
    ['null', null],
    ['undefined', undefined],
    ['true', true],
    ['an object', {}],
    ['bytes', new Uint8Array([50, 48])],
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['zero', 0],
    ['a small number', 2026],
    ['digits beyond 64 bits', '99999999999999999999999'],
  ])('%s', (_, value) => {
    expect(parseTime(value)).toBeNull();
  });

  it('nor does any other value throw', () => {
    fc.assert(
      fc.property(fc.anything({withBigInt: true, withDate: true}), value => {
        const micros = parseTime(value);
        expect(micros === null || Number.isFinite(micros)).toBe(true);
      }),
    );
  });
});

/** Every microsecond that a number holds exactly, up to 2255. */
const exactMicros = fc.integer({min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER});
/** Times of the last and the next years, where whole seconds are as likely as fractions. */
const agnoMicros = fc.oneof(
  fc.integer({min: 1_600_000_000_000_000, max: 4_000_000_000_000_000}),
  fc.integer({min: 1_600_000_000, max: 4_000_000_000}).map(seconds => seconds * 1_000_000),
);

describe('a time is written', () => {
  it('as ISO 8601 in UTC with microseconds, and read back the same', () => {
    fc.assert(
      fc.property(exactMicros, micros => {
        const text = isoTime(micros)!;
        expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(parseTime(text)).toBe(micros);
      }),
      {numRuns: 2000},
    );
  });

  it("as Agno writes it, and read back the same: Python's isoformat has no fraction on whole seconds", () => {
    fc.assert(
      fc.property(agnoMicros, micros => {
        const text = agnoTime(micros);
        expect(text).toMatch(
          micros % 1_000_000 === 0
            ? /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/
            : /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/,
        );
        expect(parseTime(text)).toBe(micros);
      }),
      {numRuns: 2000},
    );
    expect(agnoTime(WHOLE_SECOND)).toBe('2026-11-22T06:22:35+00:00');
    expect(agnoTime(WHOLE_SECOND + 1)).toBe('2026-11-22T06:22:35.000001+00:00');
    expect(agnoTime(MOMENT)).toBe('2026-11-22T06:22:35.123456+00:00');
  });

  it('so that text sorts as time does, byte by byte', () => {
    const near = fc.tuple(agnoMicros, fc.oneof(fc.constant(0), fc.integer({min: -2_000_000, max: 2_000_000})));
    fc.assert(
      fc.property(near, ([micros, distance]) => {
        const [a, b] = [agnoTime(micros), agnoTime(micros + distance)];
        expect(Buffer.compare(Buffer.from(a), Buffer.from(b))).toBe(Math.sign(-distance) || 0);
      }),
      {numRuns: 2000},
    );
  });

  it('to the nearest microsecond where a computed time lies between two', () => {
    expect(isoTime(999_999.6)).toBe('1970-01-01T00:00:01.000000Z');
    expect(isoTime(MOMENT + 0.25)).toBe('2026-11-22T06:22:35.123456Z');
  });

  it('as nothing where it is unknown or beyond the calendar', () => {
    expect(isoTime(null)).toBeNull();
    expect(isoTime(Number.NaN)).toBeNull();
    expect(isoTime(9e21)).toBeNull();
    expect(() => agnoTime(9e21)).toThrow(RangeError);
  });

  it('in the year 1 and in 9999 too', () => {
    expect(isoTime(parseTime('0001-01-01T00:00:00+00:00'))).toBe('0001-01-01T00:00:00.000000Z');
    expect(isoTime(parseTime('9999-12-31T23:59:59+00:00'))).toBe('9999-12-31T23:59:59.000000Z');
    // datetime.max: beyond 2255 microseconds are not exact, but it must not become another year.
    expect(isoTime(parseTime('9999-12-31T23:59:59.999999+00:00'))).toMatch(/^9999-12-31T23:59:59\.999\d{3}Z$/);
  });
});
