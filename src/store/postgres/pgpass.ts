import {statSync} from 'node:fs';
import {homedir} from 'node:os';
import path from 'node:path';
import {readRegular} from '../../private-file.ts';
import type {PostgresSource} from '../source.ts';

const MOST_BYTES = 16 * 1024 ** 2;

/**
 * The password that libpq would find: first matching line of `.pgpass` (`host:port:database:user:password`, `*`
 * matches all, `\:` and `\\` are escapes). Like libpq, it ignores a file that others can read, and warns. Implemented
 * here because pg's own support is deprecated and ends with pg 9.
 * @param warn receives one line if the file exists but is ignored
 */
export function passwordFromFile(source: PostgresSource, warn: (text: string) => void): string | null {
  const file = source.passFile ?? path.join(homedir(), '.pgpass');
  let text: string;
  try {
    const {mode} = statSync(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      warn(`password file "${file}" is ignored: other users may read it (run chmod 600 on it)`);
      return null;
    }
    text = readRegular(file, MOST_BYTES);
  } catch {
    // No file, no password: the server will say if it needs one.
    return null;
  }
  const host = source.host.startsWith('/') ? 'localhost' : source.host;
  const wanted = [host, String(source.port), source.database, source.user];
  for (const line of text.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = splitFields(line);
    const password = fields[4];
    if (password !== undefined && wanted.every((value, i) => fields[i] === '*' || fields[i] === value)) return password;
  }
  return null;
}

function splitFields(line: string): string[] {
  const fields: string[] = [];
  let field = '';
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    if (char === '\\' && i + 1 < line.length) field += line[++i];
    else if (char === ':' && fields.length < 4) {
      fields.push(field);
      field = '';
    } else field += char;
  }
  return [...fields, field];
}
