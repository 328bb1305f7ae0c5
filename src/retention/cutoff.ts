import {eitherWritable, raw, type Sql, sql} from '../sql/sql.ts';
import {agnoTime} from '../trace/time.ts';

/**
 * The moment before which traces are old: fixed once, by the database's clock, and never moved during the work. A
 * trace is as old as its newest span, so a trace that began long ago and still grows is not old.
 */
export interface Cutoff {
  readonly micros: number;
  /** In Agno's form: a text that is smaller byte by byte is an earlier time. */
  readonly text: string;
  /**
   * Two seconds later: some collations sort a whole second after its fractions, and their indexes are read with this
   * bound.
   */
  readonly wideText: string;
}

export function cutoffAt(micros: number): Cutoff {
  return {micros, text: agnoTime(micros), wideText: agnoTime(micros + 2_000_000)};
}

/**
 * Times in Agno's form, or the same with `Z`. Rows with any other form are kept and counted: nothing is deleted on a
 * guess. (With `Z` a time sorts after the same moment with `+00:00`: it is kept a moment longer.)
 */
const FORMS = ['9999-99-99T99:99:99.999999', '9999-99-99T99:99:99'].flatMap(form => [`${form}+00:00`, `${form}Z`]);
const READABLE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?(\+00:00|Z)$/;

export function isReadable(time: unknown): time is string {
  return typeof time === 'string' && READABLE.test(time);
}

export function isReadableIn(column: Sql): Sql {
  const globs = FORMS.map(form => sql`${column} glob ${raw(`'${form.replaceAll('9', '[0-9]')}'`)}`);
  return eitherWritable({
    sqlite: sql`(typeof(${column}) = 'text' and (${globs[0]!} or ${globs[1]!} or ${globs[2]!} or ${globs[3]!}))`,
    // Much faster than a regular expression. The digits of the zone become nines too, so the zone is tested
    // separately.
    postgres: sql`(translate(${column}, '012345678', '999999999') in (${raw(FORMS.map(form => `'${form.replace('00:00', '99:99')}'`).join(', '))})
       and (${column} like '%+00:00' or ${column} like '%Z'))`,
  });
}

/** A time column for comparison byte by byte. */
export function byBytes(column: Sql): Sql {
  return eitherWritable({sqlite: column, postgres: sql`${column} collate "C"`});
}
