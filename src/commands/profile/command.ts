import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction, type Example, subcommand} from '../../flags/command.ts';
import {addOutputFlags, type DatabaseFlags, type OutputFlags} from '../../flags/declare.ts';
import {formatOf} from '../../flags/output.ts';
import type {ProfileKeys, ProfileOptions} from './run.ts';

const FORMATS = ['table', 'json', 'jsonl'] as const;

/** Names for databases, kept in a config file of the user's. */
const profile: CommandModule = {
  examples: [
    {
      line: 'profile add prod --db postgresql://reader@db.example/ai',
      answer: 'name a database; without its password',
    },
    {line: 'profile list', answer: 'all profiles; the default is marked'},
  ],
  declare: (command, context) => {
    const sub = (usage: string, summary: string, examples: readonly Example[], isDefault = false) =>
      subcommand(command, usage, summary, examples, isDefault);
    const runs = (verb: ProfileOptions['verb']) => commandAction(context, optionsOf(verb), () => import('./run.ts'));
    const add = sub('add <name>', 'Name a database and how to read it', [
      {line: 'profile add prod --db postgresql://reader@db.example/ai --schema ai', answer: 'password from ~/.pgpass'},
      {
        line: "profile add prod --db service=prod --password-command 'pass prod'",
        answer: 'password from a command',
      },
    ]);
    addPasswordFlags(add).action(runs('add'));
    const set = sub('set <name> [changes...]', 'Change keys of a profile', [
      {line: 'profile set prod schema ai', answer: 'one key; repeat key and value for more'},
      {line: "profile set prod password_env PROD_PASSWORD schema ''", answer: 'an empty value removes a key'},
    ]);
    addPasswordFlags(set).action(runs('set'));
    addOutputFlags(
      sub(
        'list',
        'List all profiles; the default is marked',
        [
          {line: 'profile list', answer: 'names and databases'},
          {line: 'profile list --json', answer: 'for scripts'},
        ],
        true,
      ).alias('ls'),
      FORMATS,
      {printSql: false},
    ).action(runs('list'));
    addOutputFlags(
      sub('show <name>', 'Show a profile, without its secrets', [
        {line: 'profile show prod', answer: 'database, tables, source of the password'},
        {line: 'profile show prod --json', answer: 'for scripts'},
      ]),
      FORMATS,
      {printSql: false},
    ).action(runs('show'));
    sub('remove <name>', 'Remove a profile; its database is not touched', [
      {line: 'profile remove staging', answer: 'remove it from the config file'},
      {line: 'profile list', answer: 'what is left'},
    ])
      .alias('rm')
      .action(runs('remove'));
    sub('use <name>', 'Make a profile the default', [
      {line: 'profile use prod', answer: 'no --profile needed from now on'},
      {line: 'list --profile staging', answer: 'use another one once'},
    ]).action(runs('use'));
  },
};
export default profile;

type Sub = ReturnType<typeof subcommand>;

function addPasswordFlags(command: Sub): Sub {
  return command
    .optionsGroup('Password:')
    .option('--password-command <command>', 'its first line of output is the password')
    .option('--password-env <name>', 'variable that holds the password')
    .option('--runs-password-command <command>', 'the same for --runs-db')
    .option('--runs-password-env <name>', 'the same for --runs-db');
}

const optionsOf =
  (verb: ProfileOptions['verb']) =>
  (
    {profile, ...flags}: DatabaseFlags & OutputFlags & ProfileKeys,
    _: Context,
    [name = '', pairs = []]: [string?, (readonly string[])?],
  ): ProfileOptions => {
    if (profile !== undefined)
      throw usageError(
        '--profile says what to read; here the name stands by itself.',
        verb === 'list' ? 'agno-trace profile list' : `agno-trace profile ${verb} <name>`,
      );
    if (verb === 'list') return {verb, format: formatOf(flags, FORMATS)};
    if (verb === 'show') return {verb, name, format: formatOf(flags, FORMATS)};
    if (verb === 'set') return {verb, name, keys: flags, pairs};
    return verb === 'add' ? {verb, name, keys: flags} : {verb, name};
  };
