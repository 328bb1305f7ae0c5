/** Modules of a folder by file name, collected when the program is built (`build/folder-imports.js`). */
declare module 'summaries:../queries/canned' {
  import type {FactsQuestion} from './queries/facts-question.ts';
  import type {Question} from './queries/question.ts';

  const questions: Readonly<
    Record<string, {readonly summary: string; readonly load: () => Promise<Question | FactsQuestion>}>
  >;
  export default questions;
}
declare module 'folder:../../src/queries/canned' {
  import type {FactsQuestion} from './queries/facts-question.ts';
  import type {Question} from './queries/question.ts';

  const questions: Readonly<Record<string, Question | FactsQuestion>>;
  export default questions;
}
declare module 'folder:./checks' {
  import type {Check} from './queries/doctor/checkup.ts';

  const checks: Readonly<Record<string, Check>>;
  export default checks;
}
declare module 'folder:../help' {
  import type {Topic} from './flags/command.ts';

  const topics: Readonly<Record<string, Topic>>;
  export default topics;
}
declare module 'folder:../../help' {
  import type {Topic} from './flags/command.ts';

  const topics: Readonly<Record<string, Topic>>;
  export default topics;
}
declare module 'folder:../../src/help' {
  import type {Topic} from './flags/command.ts';

  const topics: Readonly<Record<string, Topic>>;
  export default topics;
}
