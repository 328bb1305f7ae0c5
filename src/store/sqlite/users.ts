import {readdirSync, readFileSync, readlinkSync, statSync} from 'node:fs';
import {EXIT, UserError} from '../../errors.ts';

/** Which processes have a file open, as far as the system shows it. */
export interface FileUsers {
  readonly processes: readonly {readonly pid: number; readonly name: string}[];
  /** What could not be checked, in words; null: nothing. */
  readonly unchecked: string | null;
}

/** The other processes that have the database or a file of its journal open. Only Linux shows this. */
export function usersOf(file: string): FileUsers {
  if (process.platform !== 'linux')
    return {
      processes: [],
      unchecked: `${process.platform} does not show which programs have the file open; only its locks were checked`,
    };
  const wanted = ['', '-wal', '-shm', '-journal'].flatMap(suffix => identityOf(file + suffix) ?? []);
  const processes: {pid: number; name: string}[] = [];
  let hidden = 0;
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const open = openFiles(pid);
    if (open === null) hidden++;
    else if (open.some(identity => wanted.includes(identity))) processes.push({pid, name: nameOf(pid)});
  }
  const others = 'programs in other containers or on other machines are seen only by their locks';
  return {
    processes,
    unchecked: hidden > 0 ? `${hidden} processes of other users could not be inspected; ${others}` : others,
  };
}

/** @throws UserError exit 4 when another process has the file open */
export function refuseUsers(file: string): void {
  const [first, ...more] = usersOf(file).processes;
  if (!first) return;
  const rest = more.length > 0 ? ` and ${more.length} more` : '';
  throw inUse(file, `"${first.name}" (process ${first.pid})${rest}`);
}

export function inUse(file: string, who: string, cause?: unknown): UserError {
  return new UserError(EXIT.unreachable, `"${file}" is open in ${who}.`, {
    hint: 'Stop that program: --offline needs the file for itself.',
    cause,
  });
}

/** The identities of its open files; null: we may not see them. A process may end meanwhile. */
function openFiles(pid: number): string[] | null {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap(fd => {
      const path = `${folder}/${fd}`;
      try {
        return readlinkSync(path).startsWith('/') ? (identityOf(path) ?? []) : [];
      } catch {
        // Closed meanwhile.
        return [];
      }
    });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? null : [];
  }
}

/** Device and number: names differ between containers and hard links. */
function identityOf(path: string): string | null {
  const stat = statSync(path, {throwIfNoEntry: false, bigint: true});
  return stat ? `${stat.dev}:${stat.ino}` : null;
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    // It has ended.
    return '?';
  }
}
