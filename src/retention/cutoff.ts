import {eitherWritable, raw, type Sql, sql} from '../sql/sql.ts';
import {agnoTime} from '../trace/time.ts';

/**
 * The moment before which traces are old: fixed once, by the database's clock, and never moved during the work. A
 * trace is as old as its newest span, so a trace that began long ago and still grows is not old.
 */
export interface Cutoff {
  readonly micros: number;
  /** As Agno writes times: text before it, byte by byte, is time before it. */
  readonly text: string;
  /** Two seconds later: some collations sort a whole second after its fractions, and their indexes are read with this. */
  readonly wideText: string;
}

export function cutoffAt(micros: number): Cutoff {
  return {micros, text: agnoTime(micros), wideText: agnoTime(micros + 2_000_000)};
}

/**
 * Times in the form that Agno writes, or the same with `Z`. Every other form is left alone and counted: what has to be
 * guessed at is not deleted. (With `Z` a time sorts after the same moment with `+00:00`: it is kept a moment longer.)
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
    // Much faster than a regular expression; the zone's own digits are nines then too, so it is asked for by itself.
    postgres: sql`(translate(${column}, '012345678', '999999999') in (${raw(FORMS.map(form => `'${form.replace('00:00', '99:99')}'`).join(', '))})
       and (${column} like '%+00:00' or ${column} like '%Z'))`,
  });
}

/** A time column to be compared byte by byte. */
export function byBytes(column: Sql): Sql {
  return eitherWritable({sqlite: column, postgres: sql`${column} collate "C"`});
}
