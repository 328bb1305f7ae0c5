import {createHmac, randomBytes} from 'node:crypto';

/** Key of pseudonyms that nobody can make again. */
export function randomKey(): Buffer {
  return randomBytes(32);
}

/**
 * Other names for users and sessions: the same id has the same one wherever it stands, and only who has the key can tell
 * whose it is (HMAC-SHA256, the first 64 bits).
 */
export class Pseudonyms {
  constructor(private readonly key: Buffer) {}

  of(kind: 'user' | 'session' | 'id', id: string): string {
    return `${kind}_${createHmac('sha256', this.key).update(`${kind}\0${id}`).digest('hex').slice(0, 16)}`;
  }
}
