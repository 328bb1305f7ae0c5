import {type AnswerValue, type Parameter, readAdHoc} from '../../sql/ad-hoc.ts';
import {inline} from '../../sql/sql.ts';
import type {AdHocLimits, Store} from '../../store/store.ts';
import {helperViews} from './views.ts';

interface Asked {
  readonly parameters: readonly Parameter[];
  readonly withViews: boolean;
  readonly limits: AdHocLimits;
}

export interface SqlAnswer {
  /** In order, without repeated names: the keys of the rows. */
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, AnswerValue>>[];
  readonly isCut: boolean;
  /** What a reader must know about the columns. */
  readonly notes: readonly string[];
}

/** Runs a statement that a user wrote. @throws UserError exit 2 if it is refused, here or by the database */
export async function askSql(store: Store, text: string, {parameters, withViews, limits}: Asked): Promise<SqlAnswer> {
  const views = withViews ? inline(helperViews(), store.dialect, store.tables) : null;
  const statement = readAdHoc({text, dialect: store.dialect, parameters, views});
  const {columns: stored, rows, isCut} = await store.adHoc(statement, limits);
  const columns = distinct(stored);
  const renamed = columns.filter((name, i) => name !== stored[i]);
  return {
    columns,
    rows: rows.map(row => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null]))),
    isCut,
    notes: renamed.length > 0 ? [`columns of the same name are told apart: ${renamed.join(', ')}`] : [],
  };
}

/** `name`, `name_2`, …: a key has only one value, and none may be lost. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  return names.map(name => {
    let key = name;
    for (let i = 2; seen.has(key) || (key !== name && taken.has(key)); i++) key = `${name}_${i}`;
    seen.add(key);
    return key;
  });
}
