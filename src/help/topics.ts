import type {Topic} from '../flags/command.ts';
import connecting from './connecting.ts';
import exitCodes from './exit-codes.ts';
import json from './json.ts';
import query from './query.ts';
import states from './states.ts';

/** Every page of `help` by its name. */
export const TOPICS: Readonly<Record<string, Topic>> = {
  connecting,
  'exit-codes': exitCodes,
  json,
  query,
  states,
};
