import type {CommandModule} from '../../flags/command.ts';
import {addOutputFlags, addPatienceFlags, addWhatFlags, addWhoFlags, takesOneOf} from '../../flags/declare.ts';

/** Deletes old traces: plan first, in small batches, never anything that is still written. */
const prune: CommandModule = {
  examples: [
    {line: 'prune --older-than 30d', answer: 'the plan, and then it asks'},
    {
      line: 'prune --older-than 30d --keep-errors --archive old.ndjson.gz',
      answer: 'failed runs stay, the rest is kept in a file',
    },
    {
      line: 'prune --older-than 90d --yes --quiet --max-runtime 20min',
      answer: 'from cron: one line, exit 6 when it has to go on',
    },
  ],
  declare: (command, context) => {
    command
      .optionsGroup('Age (of the newest span of a trace):')
      .option('--older-than <age>', 'nothing newer than 12h, 30d, 8w')
      .option('--before <time>', 'nothing newer than this: ISO or a date, UTC')
      .option('--age-by <rule>', 'last-activity: a trace is as old as its newest span (the only rule)');
    takesOneOf(command, ['last-activity']);
    addWhoFlags(command);
    addWhatFlags(command);
    command
      .optionsGroup('What stays, what else goes:')
      .option('--keep-errors', 'keep traces with a failed run')
      .option('--keep-last <n>', 'keep the newest n runs of each one of --per')
      .option('--per <what>', 'agent, session, user, workflow');
    takesOneOf(command, ['agent', 'session', 'user', 'workflow']);
    command
      .option('--traffic', 'only HTTP requests without a run')
      .option('--orphans', 'also spans whose trace row is gone');
    command
      .optionsGroup('How:')
      .option('--dry-run', 'the plan only, exit 0')
      .option('--yes', 'do not ask')
      .option('--expect-max <n>', 'refuse when more traces would go; needed with --yes for more than half')
      .option('--archive <file>', 'write what is deleted to a file first; .gz packs it')
      .option('--max-rows <n>', 'stop after so many traces and spans')
      .option('--max-runtime <length>', 'stop after this time: 20min')
      .option('--lock-wait <length>', 'wait so long for another prune to end (default: not at all)')
      .option('--settle <length>', 'time between looking and deleting (default: 30s)')
      .option('--force', 'allow an age below 1h, and a shorter --settle')
      .option('--quiet', 'print the result alone, one line');
    addPatienceFlags(command);
    addOutputFlags(command, ['table', 'json'], {printSql: false});
    command.action(async (_, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(self.optsWithGlobals(), context);
    });
  },
};
export default prune;
