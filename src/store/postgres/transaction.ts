/**
 * What every transaction of ours says of itself first, as a role, a database, a server and a pooler's last guest may have
 * set all of it otherwise. It goes along in the message that begins the transaction and costs no round trip; nothing
 * outlives the transaction (poolers).
 *
 * Names are looked up in `pg_catalog` alone: whoever may create in another schema of the path could put an operator, a
 * function, a cast or a type of his own before the server's, which would run as the role that reads (CVE-2018-1058).
 * `pg_temp` stands last, or it would be searched first for tables and types. A trigger of the user's on Agno's tables sees
 * the same path and needs one of its own (`store/postgres/triggers.ts`).
 */
const PINNED = [
  // How our own text is read.
  'standard_conforming_strings = on',
  'transform_null_equals = off',
  // How the server spells what it answers.
  'quote_all_identifiers = off',
  "datestyle = 'ISO'",
  "timezone = 'UTC'",
  'extra_float_digits = 1',
  "bytea_output = 'hex'",
  // Which rows it finds: hidden ones are said to be hidden, and an index gives all that it has.
  'row_security = on',
  'gin_fuzzy_search_limit = 0',
];

export interface TransactionTimes {
  readonly statementMs: number;
  readonly lockMs: number;
}

/** The message that begins a transaction, with further settings of its own. */
export function beginning(
  access: 'read only' | 'read write',
  times: TransactionTimes,
  more: readonly string[] = [],
): string {
  return `${beginningOnPath(access, times, more)}; set local search_path = pg_catalog, pg_temp`;
}

/** The same on the role's own path, which nothing of ours may be looked up by. */
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
