import type pg from 'pg';
import {beforeAll} from 'vitest';
import {newPostgresDatabase} from '../databases.ts';
import {fillPostgres} from './filling.ts';
import {rowsOf} from './shared.ts';
import {badDataOn} from './survives.ts';

let made: {url: string; client: pg.Client};
beforeAll(async () => {
  made = await newPostgresDatabase();
});

badDataOn('postgres', async database => {
  await fillPostgres(made.client, {...database, rows: rowsOf(database)});
  // Nothing here is about TLS: asking for it first would cost every command a second connection.
  return `${made.url}?sslmode=disable`;
});
