import {temporaryFolder} from '../databases.ts';
import {sqliteWith} from './filling.ts';
import {rowsOf} from './shared.ts';
import {badDataOn} from './survives.ts';

const folder = temporaryFolder();
badDataOn('sqlite', async database => sqliteWith({...database, rows: rowsOf(database)}, folder));
