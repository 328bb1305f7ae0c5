import Database from 'better-sqlite3';
import fc from 'fast-check';
import {expect, it} from 'vitest';
import {PERCENTILE_STEPS} from '../../src/store/sqlite/driver.ts';

const durations = fc.array(fc.option(fc.double({noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15})));

it('Node before 25 is taught the percentiles that better-sqlite3 has', () => {
  const db = new Database(':memory:');
  const statement = db.prepare('select percentile_cont(value, ?) as found from json_each(?)');
  const exact = db.prepare('select value from json_each(?)');
  fc.assert(
    fc.property(durations, fc.constantFrom(0.5, 0.95, 0.99), (values, fraction) => {
      const text = JSON.stringify(values);
      // As the database reads the text.
      const read = (exact.all(text) as {value: number | null}[]).map(row => row.value);
      const taught = read.reduce(
        (state, value) => PERCENTILE_STEPS.step(state, value, fraction),
        PERCENTILE_STEPS.start(),
      );
      const [own] = statement.all(fraction, text) as {found: number | null}[];
      expect(PERCENTILE_STEPS.result(taught)).toBe(own!.found);
    }),
  );
  db.close();
});
