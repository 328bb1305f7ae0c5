/** Modules of a folder by file name, collected when the program is built (`build/folder-imports.js`). */
declare module 'folder:../commands' {
  import type {CommandModule} from './flags/command.ts';

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
declare module 'folder:../answers' {
  const answers: {
    readonly list: typeof import('./answers/list.ts').default;
    readonly show: typeof import('./answers/show.ts').default;
    readonly demo: typeof import('./answers/demo.ts').default;
    readonly sql: typeof import('./answers/sql.ts').default;
    readonly question: typeof import('./answers/question.ts').default;
  };
  export default answers;
}
