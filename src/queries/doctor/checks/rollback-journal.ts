import {defineCheck} from '../checkup.ts';
import {FROM_CATALOGUE} from '../finding.ts';

export default defineCheck(({facts}) => {
  if (facts.journalMode === null) return null;
  const isRollback = facts.journalMode !== 'wal';
  return {
    ...FROM_CATALOGUE,
    covered: 'the file',
    severity: isRollback ? 'info' : 'ok',
    count: isRollback ? 1 : 0,
    sample: isRollback ? facts.journalMode : null,
    text: isRollback
      ? `The file is in rollback-journal mode ("${facts.journalMode}", as Agno 2 leaves it): a program that reads for more than 5 s makes Agno lose spans.`
      : 'The file is in WAL mode: readers do not hold up Agno.',
    command: null,
    // Agno 3 switches by itself; for 2.x it is the owner's choice, once, while nothing writes.
    repair: isRollback
      ? 'PRAGMA journal_mode = wal; -- once, with the writing program stopped; Agno 3 does it by itself'
      : null,
  };
});
