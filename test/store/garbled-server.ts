import {type AddressInfo, connect, createServer, type Socket} from 'node:net';
import type {Random} from '../random.ts';

/** What is done to the server's side of a conversation. */
export interface Garbling {
  /** In words, for a failure. */
  readonly words: string;
  readonly url: string;
  readonly close: () => Promise<void>;
}

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
};

const message = (type: string, body: Buffer) => Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);

export const errorMessage = (code: string, text: string, severity = 'ERROR') =>
  message('E', Buffer.from(`S${severity}\0V${severity}\0C${code}\0M${text}\0\0`));

/** As servers, standbys and poolers say them; several are no SQLSTATE at all. */
const ERRORS: readonly (readonly [string, string, string])[] = [
  ['XX000', 'invalid memory alloc request size 18446744073709551613', 'ERROR'],
  ['XX001', 'could not read block 3 in file "base/1/2": read only 0 of 8192 bytes', 'ERROR'],
  ['58P01', 'could not access file "$libdir/postgis-3": No such file or directory', 'ERROR'],
  ['08P01', 'server conn crashed?', 'FATAL'],
  ['08P01', 'unsupported startup parameter: extra_float_digits', 'FATAL'],
  ['53300', 'sorry, too many clients already', 'FATAL'],
  ['57P01', 'terminating connection due to administrator command', 'FATAL'],
  ['57P05', 'terminating connection due to idle-session timeout', 'FATAL'],
  ['25P04', 'terminating connection due to transaction timeout', 'FATAL'],
  ['28P01', 'password authentication failed', 'FATAL'],
  ['0A000', 'nondeterministic collations are not supported for LIKE', 'ERROR'],
  [
    '22P05',
    'character with byte sequence 0xe2 0x82 0xac in encoding "UTF8" has no equivalent in encoding "LATIN1"',
    'ERROR',
  ],
  ['42601', 'syntax error at or near "isolation"', 'ERROR'],
  ['42703', 'column "xmin" does not exist', 'ERROR'],
  ['42P22', 'could not determine which collation to use for string comparison', 'ERROR'],
  ['54001', 'stack depth limit exceeded', 'ERROR'],
  ['F0000', 'configuration file is wrong', 'FATAL'],
  ['ZZZZZ', '', 'WARNING'],
  ['', 'no such user: \u001b[31mred', 'FATAL'],
];

type Garble = (messages: Buffer, random: Random) => {bytes: Buffer; after: 'on' | 'stall' | 'close' | 'reset'};

/** Kinds of what goes wrong; each is given one whole message, or the answer to the request for TLS. */
const KINDS: Readonly<Record<string, Garble>> = {
  'a flipped bit': (bytes, random) => {
    const copy = Buffer.from(bytes);
    const at = random.between(0, copy.length - 1);
    copy[at] = copy[at]! ^ (1 << random.between(0, 7));
    return {bytes: copy, after: 'on'};
  },
  'another type': (bytes, random) => {
    const copy = Buffer.from(bytes);
    copy[0] = random.between(0, 255);
    return {bytes: copy, after: 'on'};
  },
  'another length': (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length >= 5) int32(random.pick([0, 1, 3, 4, 5, copy.length + 7, 2 ** 30, -1, -(2 ** 31)])).copy(copy, 1);
    return {bytes: copy, after: random.pick(['on', 'stall', 'close'])};
  },
  'cut off, then silence': (bytes, random) => ({
    bytes: bytes.subarray(0, random.between(0, bytes.length - 1)),
    after: 'stall',
  }),
  'cut off, then the end': (bytes, random) => ({
    bytes: bytes.subarray(0, random.between(0, bytes.length - 1)),
    after: random.pick(['close', 'reset']),
  }),
  'garbage, then silence': (_, random) => ({
    bytes: Buffer.from(Array.from({length: random.between(1, 400)}, () => random.between(0, 255))),
    after: 'stall',
  }),
  'garbage in between': (bytes, random) => ({
    bytes: Buffer.concat([
      Buffer.from(Array.from({length: random.between(1, 20)}, () => random.between(0, 255))),
      bytes,
    ]),
    after: 'on',
  }),
  'said twice': bytes => ({bytes: Buffer.concat([bytes, bytes]), after: 'on'}),
  'left out': () => ({bytes: Buffer.alloc(0), after: 'on'}),
  'another login': (bytes, random) => {
    const codes = [2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 99, -1];
    const asked = message('R', Buffer.concat([int32(random.pick(codes)), Buffer.from('SCRAM-SHA-1\0SPNEGO\0\0')]));
    return {bytes: random.chance(0.5) ? asked : Buffer.concat([bytes, asked]), after: random.pick(['on', 'stall'])};
  },
  'an error': (bytes, random) => {
    const [code, text, severity] = random.pick(ERRORS);
    const error = errorMessage(code, text, severity);
    const after = severity === 'FATAL' ? random.pick(['close', 'stall', 'reset'] as const) : 'on';
    return {bytes: random.chance(0.5) ? error : Buffer.concat([error, bytes]), after};
  },
  'a copy that nobody asked for': (bytes, random) => ({
    bytes: Buffer.concat([message(random.pick(['G', 'H', 'W']), Buffer.from([0, 0, 0])), bytes]),
    after: 'on',
  }),
};

/** Stands between the program and the server; the first connection of each is garbled at one place, by the seed. */
export async function garbledServer(server: URL, random: Random): Promise<Garbling> {
  const [kind, garble] = random.pick(Object.entries(KINDS));
  // Most of what there is to go wrong is in the first messages; later ones are rows.
  const place = random.chance(0.4) ? random.between(0, 15) : random.between(16, 90);
  const sockets = new Set<Socket>();
  const listening = createServer(client => {
    const upstream = connect(Number(server.port), server.hostname);
    let held = Buffer.alloc(0);
    let count = 0;
    let isOver = false;
    let isFirst = true;
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    client.on('data', bytes => {
      upstream.write(bytes);
    });
    const say = (whole: Buffer) => {
      if (isOver) return;
      if (count++ !== place) {
        client.write(whole);
        return;
      }
      const {bytes, after} = garble(whole, random);
      client.write(bytes);
      isOver = after !== 'on';
      if (after === 'close') client.end();
      if (after === 'reset') client.resetAndDestroy();
    };
    upstream.on('data', (bytes: Buffer) => {
      held = Buffer.concat([held, bytes]);
      // The answer to the request for TLS is one letter; no message that follows begins with it.
      if (isFirst && held[0] === 0x4e) {
        say(held.subarray(0, 1));
        held = held.subarray(1);
      }
      isFirst = false;
      while (held.length >= 5 && held.length > held.readInt32BE(1)) {
        const end = held.readInt32BE(1) + 1;
        say(held.subarray(0, end));
        held = held.subarray(end);
      }
    });
  });
  await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', () => resolve()));
  const {port} = listening.address() as AddressInfo;
  const url = new URL(server);
  url.host = `127.0.0.1:${port}`;
  url.searchParams.set('sslmode', random.pick(['disable', 'prefer']));
  return {
    words: `${kind} at message ${place}`,
    url: url.href,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => listening.close(resolve));
    },
  };
}
