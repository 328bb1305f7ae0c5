import {EMPTY, either, raw, type Sql, sql} from './sql.ts';

/** `column` equals one of `values`; one bound parameter, however many there are. */
export function isAnyOf(column: Sql, values: readonly string[]): Sql {
  return either({
    sqlite: sql`${column} in (select value from json_each(${values}))`,
    postgres: sql`${column} = any(${values}::text[])`,
    clickhouse: values.length === 0 ? raw('false') : sql`${column} in ${values}`,
  });
}

/**
 * A time in the form that time columns are compared with: Agno's text itself, a beginning of it, or the form of
 * another writer; on ClickHouse the columns hold times.
 */
export function time(text: string | number): Sql {
  const plain = sql`${text}`;
  return either({sqlite: plain, postgres: plain, clickhouse: momentOf(String(text))});
}

function momentOf(text: string): Sql {
  const [, day, clock = '00:00:00', fraction = '0'] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00:00)?)?$/.exec(text) ?? [];
  if (day === undefined) return raw("cast(null, 'Nullable(DateTime64(6, \\'UTC\\'))')");
  return raw(`toDateTime64('${day} ${clock}.${fraction.padEnd(6, '0')}', 6, 'UTC')`);
}

/**
 * `and test`, for a bound that only ClickHouse needs: without one it reads all months and parts of a table. Elsewhere
 * an index finds the rows, and another test could only mislead the planner.
 */
export function andOnClickhouse(test: Sql): Sql {
  return either({sqlite: EMPTY, postgres: EMPTY, clickhouse: sql` and ${test}`});
}

/** `column` begins with `text`, by characters. */
export function startsWith(column: Sql, text: string): Sql {
  const exact = sql`substr(${column}, 1, ${raw(String(Array.from(text).length))}) = ${text}`;
  return either({sqlite: exact, postgres: exact, clickhouse: sql`startsWith(${column}, ${text})`});
}

/** How many characters a text has. */
export function charLength(text: Sql): Sql {
  return either({sqlite: sql`length(${text})`, postgres: sql`length(${text})`, clickhouse: sql`lengthUTF8(${text})`});
}

/**
 * The value of one attribute as text, or null; never throws on malformed JSON. SQLite's JSON functions throw for the
 * whole statement if one row is malformed (docs/agno.md, Text and JSON).
 */
export function attribute(alias: string, key: string): Sql {
  return either({
    sqlite: sql`case when json_valid(${raw(alias)}.attributes) then ${raw(alias)}.attributes ->> ${path(key)} end`,
    postgres: sql`${raw(alias)}.attributes ->> ${raw(quoted(key))}`,
    clickhouse: sql`JSONExtract(${raw(alias)}.attributes, ${raw(quoted(key))}, 'Nullable(String)')`,
  });
}

/**
 * Like `attribute`, but keeps the stored digits of a number: SQLite's `->>` makes a number of it, which equals no
 * text, and beyond 2^63 another number.
 */
export function attributeText(alias: string, key: string): Sql {
  const column = raw(`${alias}.attributes`);
  return either({
    sqlite: sql`case when json_valid(${column}) then case when json_type(${column}, ${path(key)}) in ('integer', 'real') then ${column} -> ${path(key)} else ${column} ->> ${path(key)} end end`,
    postgres: attribute(alias, key),
    clickhouse: attribute(alias, key),
  });
}

/**
 * The value of one attribute, for comparison with these texts or patterns: like `attributeText` if one may mean a
 * number.
 */
export function attributeLike(alias: string, key: string, wanted: readonly string[]): Sql {
  return wanted.some(text => /^-?[\d*?][\d*?.eE+-]*$/.test(text)) ? attributeText(alias, key) : attribute(alias, key);
}

/** True if the attribute exists with any value except JSON null. */
export function hasAttribute(alias: string, key: string): Sql {
  return either({
    sqlite: sql`case when json_valid(${raw(alias)}.attributes) then json_type(${raw(alias)}.attributes, ${path(key)}) is not null else 0 end`,
    postgres: sql`coalesce(${raw(alias)}.attributes ? ${raw(quoted(key))}, false)`,
    // A quote inside a JSON text has a backslash before it, so this is a key, at any depth; it is also found in bad
    // JSON.
    clickhouse: sql`position(${raw(alias)}.attributes, ${`"${key}":`}) > 0`,
  });
}

/**
 * `test`, or true if the database cannot look into the attributes but `parseAttributes` can: text that is not valid
 * JSON (Python's NaN, truncated), or JSON that was encoded twice. Such spans are read and tested in the program.
 * @param isOfText on ClickHouse, `test` searches the text, which such values do not affect
 */
export function orOpaque(alias: string, test: Sql, isOfText = false): Sql {
  const column = raw(`${alias}.attributes`);
  return either({
    sqlite: sql`case when not json_valid(${column}) then true when json_type(${column}) = 'text' then true else ${test} end`,
    postgres: sql`(${test} or jsonb_typeof(${column}) = 'string')`,
    // With one invalid number or one lone surrogate, no key of the span has a value.
    clickhouse: isOfText
      ? sql`(${test} or startsWith(${column}, '"'))`
      : sql`(${test} or not isValidJSON(${column}) or startsWith(${column}, '"'))`,
  });
}

/** Keys contain dots, so the label is always quoted. Keys come from our own source, never from input. */
function path(key: string): Sql {
  return raw(quoted(`$."${key}"`));
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `expression` as a double; text that is not a number counts as 0 on SQLite, as in its own avg(). */
export function asDouble(expression: Sql): Sql {
  return either({
    sqlite: sql`cast(${expression} as real)`,
    postgres: sql`(${expression})::double precision`,
    clickhouse: sql`toFloat64(${expression})`,
  });
}

/** `expression` matches a shell-like pattern: `*` any run, `?` one character, case-insensitive. */
export function matchesGlob(expression: Sql, glob: string): Sql {
  const like = globToLike(glob);
  return either({
    sqlite: sql`${expression} like ${like} escape '\\'`,
    postgres: sql`${expression} ilike ${like} escape '\\'`,
    clickhouse: sql`${expression} ilike ${like}`,
  });
}

/** `expression` contains `text`, case-insensitive for ASCII on SQLite. */
export function contains(expression: Sql, text: string): Sql {
  return matchesGlob(expression, `*${escapeGlob(text)}*`);
}

/**
 * True wherever `matchesGlob` of `trace/filter.ts` is, and perhaps elsewhere: which letters are equal in both cases
 * depends on the database (SQLite knows only ASCII, Postgres its locale), so letters that may differ match anything.
 */
export function mayMatchGlob(expression: Sql, glob: string): Sql {
  // k and s have variants beyond ASCII: the Kelvin sign, the long s.
  return matchesGlob(expression, glob.replace(/\\?[ks\u0080-\u{10ffff}]/giu, '?'));
}

/** True wherever `expression` contains `text` in any case, and perhaps elsewhere. */
export function mayContain(expression: Sql, text: string): Sql {
  return mayMatchGlob(expression, `*${escapeGlob(text)}*`);
}

/**
 * `expression` as text contains `text`, which is ASCII; if case is ignored, it is lower case. Bytes are compared, so
 * that neither a NUL in the column nor the database's own rules for case hide a match.
 */
export function holdsAscii(expression: Sql, text: string, ignoresCase: boolean): Sql {
  return ignoresCase
    ? either({
        sqlite: sql`instr(lower(${expression}), ${text}) > 0`,
        postgres: sql`strpos(lower(${expression}::text collate "C"), ${text}) > 0`,
        clickhouse: sql`positionCaseInsensitive(${expression}, ${text}) > 0`,
      })
    : either({
        sqlite: sql`instr(${expression}, ${text}) > 0`,
        postgres: sql`strpos(${expression}::text, ${text}) > 0`,
        clickhouse: sql`position(${expression}, ${text}) > 0`,
      });
}

/** `text` as a glob that matches only itself. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?]/g, char => `\\${char}`);
}

function globToLike(glob: string): string {
  let like = '';
  for (let i = 0; i < glob.length; i++) {
    const char = glob[i]!;
    if (char === '\\' && i + 1 < glob.length) like += escapeLike(glob[++i]!);
    else if (char === '*') like += '%';
    else if (char === '?') like += '_';
    else like += escapeLike(char);
  }
  return like;
}

function escapeLike(char: string): string {
  return '%_\\'.includes(char) ? `\\${char}` : char;
}
