import {raw, sql} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import type {Store} from '../store/store.ts';
import type {DescribedTables} from './subject.ts';

export interface AgnoVersion {
  /** As stored, or derived from the existing tables. */
  readonly label: string;
  readonly isDerived: boolean;
  /** Which releases write this label, if known. */
  readonly means: string | null;
}

/**
 * Which Agno created a table: each release writes the newest migration it knows, and none changes it later
 * (docs/agno.md, The tables).
 */
const MEANS: Readonly<Record<string, string>> = {
  '2.3.0': 'tables made by Agno 2.3.5 to 2.4',
  '2.5.0': 'tables made by Agno 2.5.0 to 2.5.6',
  '2.5.6': 'tables made by Agno 2.5.6 to 2.9',
  '3.0.0': 'tables made by Agno 3',
};

/** The label that Agno keeps for its spans table; otherwise what the tables themselves show. */
export async function loadVersion(store: Store, tables: DescribedTables): Promise<AgnoVersion> {
  const {versions, spans, runs} = tables;
  const hasLabel =
    versions?.mayRead && ['table_name', 'version'].every(name => versions.columns.some(column => column.name === name));
  if (hasLabel) {
    const rows = await store.all<{version: unknown}>(
      sql`select version from ${raw(versions.qualifiedName)} where table_name in (${spans.name}, ${tables.traces.name}) order by table_name`,
    );
    const label = rows[0]?.version;
    if (label != null) return {label: String(label), isDerived: false, means: MEANS[String(label)] ?? null};
  }
  const derived = TRAITS[store.dialect].hasPartialTraceRows
    ? '2.6.20 or later'
    : runs
      ? '3'
      : !spans.isView && spans.foreignKeys.length === 0
        ? '2.3.5 to 2.3.22, async adapter'
        : '2.3.5 or later';
  return {label: derived, isDerived: true, means: null};
}
