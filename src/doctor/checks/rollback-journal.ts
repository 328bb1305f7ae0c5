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
      ? `The file is in rollback-journal mode ("${facts.journalMode}", as Agno 2 leaves it): a program that reads for more than 5 s makes Agno lose spans. Agno 3 changes the mode by itself; for Agno 2, stop its program and change it once.`
      : 'The file is in WAL mode: readers do not block Agno.',
    command: null,
    repair: isRollback ? 'PRAGMA journal_mode = wal;' : null,
  };
});
