import connecting from './connecting.ts';
import exitCodes from './exit-codes.ts';
import flags from './flags.ts';
import json from './json.ts';
import query from './query.ts';
import states from './states.ts';
import type {Topic} from './topic.ts';

/** Every page of `help` by its name. */
export const TOPICS: Readonly<Record<string, Topic>> = {
  connecting,
  'exit-codes': exitCodes,
  flags,
  json,
  query,
  states,
};
