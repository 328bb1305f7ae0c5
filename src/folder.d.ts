/** Modules of a folder by file name, collected when the program is built (`build/folder-imports.js`). */
declare module 'folder:../commands' {
  import type {CommandModule} from './cli/program.ts';

  const modules: Readonly<Record<string, CommandModule>>;
  export default modules;
}
declare module 'folder:../queries/canned' {
  import type {Question} from './queries/question.ts';

  const questions: Readonly<Record<string, Question>>;
  export default questions;
}
declare module 'folder:../../src/queries/canned' {
  import type {Question} from './queries/question.ts';

  const questions: Readonly<Record<string, Question>>;
  export default questions;
}
