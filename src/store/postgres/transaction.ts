/**
 * The settings with which every one of our transactions begins, because a role, a database, a server or a pooler's
 * previous client may have changed any of them. They are part of the message that begins the transaction and cost no
 * round trip; none outlives the transaction (poolers).
 * Names are looked up in `pg_catalog` only. Otherwise, anybody who may create objects in another schema of the path
 * could put an operator, a function, a cast or a type in front of the server's own, and it would run with the rights
 * of the reading role (CVE-2018-1058). `pg_temp` comes last; if it were absent, it would be searched first for tables
 * and types. A trigger of the user's on Agno's tables gets the same path and needs one of its own
 * (`store/postgres/triggers.ts`).
 */
const PINNED = [
  // How the server reads our text.
  'standard_conforming_strings = on',
  'transform_null_equals = off',
  // How the server spells its answers.
  'quote_all_identifiers = off',
  "datestyle = 'ISO'",
  "timezone = 'UTC'",
  'extra_float_digits = 1',
  "bytea_output = 'hex'",
  // Which rows it finds: a note reports hidden ones, and an index returns all its rows.
  'row_security = on',
  'gin_fuzzy_search_limit = 0',
];

export interface TransactionTimes {
  readonly statementMs: number;
  readonly lockMs: number;
}

/** The message that begins a transaction, with further settings. */
export function beginning(
  access: 'read only' | 'read write',
  times: TransactionTimes,
  more: readonly string[] = [],
): string {
  return `${beginningOnPath(access, times, more)}; set local search_path = pg_catalog, pg_temp`;
}

/** The same with the role's own path; nothing of ours may be looked up with it. */
export function beginningOnPath(
  access: 'read only' | 'read write',
  {statementMs, lockMs}: TransactionTimes,
  more: readonly string[] = [],
): string {
  const settings = [
    `statement_timeout = ${Math.ceil(statementMs)}`,
    `lock_timeout = ${Math.ceil(lockMs)}`,
    ...PINNED,
    ...more,
  ];
  return `begin isolation level read committed ${access}; ${settings.map(setting => `set local ${setting}`).join('; ')}`;
}
