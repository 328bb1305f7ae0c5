import {openSync} from 'node:fs';
import {connect} from 'node:net';
import {constants} from 'node:os';
import {connect as connectTls} from 'node:tls';
import {gunzipSync} from 'node:zlib';
import Database from 'better-sqlite3';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {report} from '../../src/cli/run.ts';
import {EXIT, usageError} from '../../src/errors.ts';

/** What is printed of an error that nobody put into words on its way up. */
async function printed(error: unknown, argv: readonly string[] = []): Promise<{code: number; err: string}> {
  let err = '';
  const write = (text: string) => {
    err += text;
  };
  const stream = {write, isTTY: false, columns: undefined};
  const code = await report(error, argv, {
    ...{stdout: stream, stderr: stream, stdin: async () => '', env: {}, cwd: '/', notes: [], secrets: []},
    nowMicros: () => 0,
  });
  return {code, err};
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const withCode = (code: string, message: string, more: object = {}) =>
  Object.assign(new Error(message), {code, ...more});
const DEFECT = 'This is a bug';

const PRIMARY = [
  ...['ABORT', 'BUSY', 'LOCKED', 'NOMEM', 'READONLY', 'INTERRUPT', 'IOERR', 'CORRUPT', 'FULL', 'CANTOPEN', 'PROTOCOL'],
  ...['SCHEMA', 'TOOBIG', 'CONSTRAINT', 'MISMATCH', 'NOLFS', 'AUTH', 'FORMAT', 'NOTADB', 'PERM', 'IOERR_SHORT_READ'],
];
/** One of each class of SQLSTATE that is no success. */
const STATES = [
  '08006',
  '0A000',
  '22P02',
  '23502',
  '25006',
  '28P01',
  '40001',
  '42P01',
  '53300',
  '54001',
  '57014',
  '58030',
  'F0000',
  'P0001',
  'XX000',
];

describe('an error that is not ours', () => {
  it('of the system is never called a defect, whichever it is', async () => {
    for (const code of Object.keys(constants.errno)) {
      const {err, code: exit} = await printed(
        withCode(code, `${code}: x, open '/a\x1b[2J'`, {syscall: 'open', path: '/a\x1b[2J'}),
      );
      expect([code, err.includes(DEFECT), exit === EXIT.failed || exit === EXIT.unreachable]).toEqual([
        code,
        false,
        true,
      ]);
      expect(err).not.toContain('\x1b');
    }
    const real = await printed(thrownBy(() => openSync('/nowhere/at/all', 'r')));
    expect(real.err).toMatch(
      /^error: the system refused "\/nowhere\/at\/all": there is no such file or folder\.\nhint: /,
    );
  });

  it('of SQLite is one only where the SQL is ours', async () => {
    for (const name of PRIMARY) {
      const {err} = await printed(new Database.SqliteError('words', `SQLITE_${name}`));
      expect([name, err.includes(DEFECT)]).toEqual([name, false]);
    }
    const db = new Database(':memory:');
    expect((await printed(thrownBy(() => db.exec('selct 1')))).err).toContain(DEFECT);
    expect((await printed(thrownBy(() => db.prepare(`select json('{')`).get()))).err).not.toContain(DEFECT);
    db.close();
    for (const errcode of [5, 6, 8, 10, 11, 13, 14, 19, 26, 266])
      expect((await printed(withCode('ERR_SQLITE_ERROR', 'words', {errcode}))).err).not.toContain(DEFECT);
    expect((await printed(withCode('ERR_SQLITE_ERROR', 'near "x": syntax error', {errcode: 1}))).err).toContain(DEFECT);
  });

  it("of a server is the server's, with its SQLSTATE", async () => {
    for (const state of STATES) {
      const error = Object.assign(new pg.DatabaseError('words of\nthe server', 1, 'error'), {
        code: state,
        severity: 'ERROR',
      });
      const {err, code} = await printed(error);
      expect([code, err.split('\n')[0]]).toEqual([
        EXIT.unreachable,
        `error: the server answered: words of the server (SQLSTATE ${state}).`,
      ]);
    }
  });

  it('of the network, of TLS, of an end by signal or time is said as that', async () => {
    const refused = await new Promise(resolve => connect(1, '127.0.0.1').once('error', resolve));
    expect(await printed(refused)).toMatchObject({
      code: EXIT.unreachable,
      err: expect.stringContaining('the network failed'),
    });
    const codes = [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'CERT_HAS_EXPIRED',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'ERR_SSL_WRONG_VERSION_NUMBER',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'ERR_OSSL_PEM_NO_START_LINE',
    ];
    for (const code of codes)
      expect(await printed(withCode(code, 'words'))).toMatchObject({
        code: EXIT.unreachable,
        err: expect.stringContaining('TLS failed'),
      });
    expect((await printed(thrownBy(() => connectTls({ca: 'x', cert: 'no certificate', key: 'x'})))).err).toContain(
      'TLS failed',
    );
    expect(await printed(AbortSignal.abort().reason)).toMatchObject({code: EXIT.stopped});
    expect(await printed(new DOMException('late', 'TimeoutError'))).toMatchObject({code: EXIT.unreachable});
  });

  it('of what was read, compressed or JSON or too large, is said as that', async () => {
    const errors = [
      thrownBy(() => gunzipSync(Buffer.from('no gzip at all'))),
      thrownBy(() => JSON.parse('{"a":')),
      thrownBy(() => JSON.parse('{"a" 1}')),
      thrownBy(() => 'x'.repeat(2 ** 29).repeat(2)),
      withCode('ERR_STRING_TOO_LONG', 'Cannot create a string longer than 0x1fffffe8 characters'),
      withCode('ERR_STREAM_PREMATURE_CLOSE', 'Premature close'),
    ];
    for (const error of errors) {
      const {code, err} = await printed(error);
      expect([String(error), code, err.includes(DEFECT)]).toEqual([String(error), EXIT.failed, false]);
    }
  });
});

describe('an error that is ours', () => {
  it('is called a defect', async () => {
    const ours = [
      new TypeError("Cannot read properties of undefined (reading 'x')"),
      new Error('no table known for "x"'),
      new RangeError('Invalid array length'),
      'a text',
      null,
    ];
    for (const error of ours)
      expect(await printed(error)).toMatchObject({code: EXIT.failed, err: expect.stringContaining(DEFECT)});
  });
});

describe('a secret in the wrong place', () => {
  it('is not repeated', async () => {
    const quoted = usageError('the default profile "postgresql://u:hemlock-orchid@h/d" is not there.');
    expect((await printed(quoted)).err).toContain('postgresql://u:***@h/d');
  });
});
