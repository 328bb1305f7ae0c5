import {readdirSync} from 'node:fs';
import {describe, it} from 'vitest';
import {readsAsOnSqlite} from '../clickhouse-readings.ts';
import {fixture} from '../fixtures.ts';

const FIXTURES = ['', 'cases/', 'truth/']
  .flatMap(folder => readdirSync(fixture(folder)).map(name => `${folder}${name}`))
  .filter(name => name.endsWith('.sqlite'));

describe.each(FIXTURES)('the rows of %s on ClickHouse', name => {
  it('read as they do on SQLite', () => readsAsOnSqlite(name));
});
