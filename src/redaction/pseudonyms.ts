import {createHmac, randomBytes} from 'node:crypto';

/** A key for pseudonyms that nobody can reproduce. */
export function randomKey(): Buffer {
  return randomBytes(32);
}

/**
 * Replacement names for users and sessions: the same id gets the same name everywhere, and only the owner of the key
 * can find out whose it is (HMAC-SHA256, the first 64 bits).
 */
export class Pseudonyms {
  constructor(private readonly key: Buffer) {}

  of(kind: 'user' | 'session' | 'id', id: string): string {
    return `${kind}_${createHmac('sha256', this.key).update(`${kind}\0${id}`).digest('hex').slice(0, 16)}`;
  }
}
