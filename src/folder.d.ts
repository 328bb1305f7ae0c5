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
declare module 'folder:../../src/help' {
  import type {Topic} from './flags/command.ts';

  const topics: Readonly<Record<string, Topic>>;
  export default topics;
}
declare module 'folder:../answers' {
  const answers: {
    readonly archive: typeof import('./answers/archive.ts').default;
    readonly migrate: typeof import('./answers/migrate.ts').default;
    readonly vacuum: typeof import('./answers/vacuum.ts').default;
    readonly doctor: typeof import('./answers/doctor.ts').default;
    readonly list: typeof import('./answers/list.ts').default;
    readonly show: typeof import('./answers/show.ts').default;
    readonly prune: typeof import('./answers/prune.ts').default;
    readonly profile: typeof import('./answers/profile.ts').default;
    readonly demo: typeof import('./answers/demo.ts').default;
    readonly complete: typeof import('./answers/complete.ts').default;
    readonly completion: typeof import('./answers/completion.ts').default;
    readonly help: typeof import('./answers/help.ts').default;
    readonly sql: typeof import('./answers/sql.ts').default;
    readonly question: typeof import('./answers/question.ts').default;
  };
  export default answers;
}
