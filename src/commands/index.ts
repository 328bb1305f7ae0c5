import type {CommandModule} from '../flags/command.ts';
import archive from './archive/command.ts';
import completion from './completion/command.ts';
import demo from './demo/command.ts';
import diff from './diff/command.ts';
import doctor from './doctor/command.ts';
import exporting from './export/command.ts';
import facts from './facts/command.ts';
import grep from './grep/command.ts';
import help from './help/command.ts';
import list from './list/command.ts';
import migrate from './migrate/command.ts';
import profile from './profile/command.ts';
import prune from './prune/command.ts';
import show from './show/command.ts';
import sql from './sql/command.ts';
import tail from './tail/command.ts';
import transcript from './transcript/command.ts';
import ui from './ui/command.ts';
import vacuum from './vacuum/command.ts';
import wait from './wait/command.ts';

/** Every subcommand but the questions, by name. */
export const COMMANDS: Readonly<Record<string, CommandModule>> = {
  archive,
  completion,
  demo,
  diff,
  doctor,
  export: exporting,
  facts,
  grep,
  help,
  list,
  migrate,
  profile,
  prune,
  show,
  sql,
  tail,
  transcript,
  ui,
  vacuum,
  wait,
};
