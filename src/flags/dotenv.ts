import {createRequire} from 'node:module';
import path from 'node:path';
import type {Context} from '../context.ts';
import {EXIT, fileReason, UserError} from '../errors.ts';
import {append} from '../lists.ts';
import {readRegular} from '../private-file.ts';

/**
 * The variables that `--dotenv` reads from a file. The file is often a stranger's, so nothing in it reaches Node or
 * our child processes, and it cannot name the config file, whose commands are run, or the folder of the facts.
 */
const TAKEN = /^(AGNO_TRACE_(?!CONFIG$|CACHE$)[A-Z_]+|PG[A-Z]+|CLICKHOUSE_PASSWORD|DATABASE_URL)$/;
const MOST_BYTES = 1024 ** 2;

/**
 * Adds the variables of the `--dotenv` file to the context; variables already set take precedence.
 * @throws UserError exit 2 for a file that cannot be read
 */
export function readDotenv(dotenv: string, context: Context): void {
  const file = path.resolve(context.cwd, dotenv);
  let text: string;
  try {
    text = readRegular(file, MOST_BYTES);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(
      EXIT.usage,
      isMissing ? `--dotenv "${dotenv}" does not exist.` : `--dotenv "${dotenv}" cannot be read: ${fileReason(error)}.`,
      {hint: `Looked for ${file}`, cause: error},
    );
  }
  // Imported at the top, it would load all of node:util at every start.
  const {parseEnv} = createRequire(import.meta.url)('node:util') as typeof import('node:util');
  const added = Object.entries(parseEnv(text));
  const refused = added.flatMap(([name]) =>
    name === 'AGNO_TRACE_CONFIG' || name === 'AGNO_TRACE_CACHE' ? [name] : [],
  );
  append(
    context.notes,
    refused.map(name => `${name} in "${dotenv}" is ignored: set it in the environment`),
  );
  const set = Object.entries(context.env).filter(([, value]) => value !== undefined);
  context.env = {...Object.fromEntries(added.filter(([name]) => TAKEN.test(name))), ...Object.fromEntries(set)};
}
