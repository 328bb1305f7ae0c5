import {createHash} from 'node:crypto';

const HEX_ID = /^[0-9a-f]{16}$/;
/** Ids per generation; two are kept, so that memory stays at about 16 MB however long following lasts. */
const GENERATION = 1 << 19;

/**
 * The ids of spans that were delivered, or existed when following began: a set of 64-bit keys that drops the oldest.
 * Agno's ids are 16 hex digits and kept exactly; any other text is hashed.
 */
export class ShownIds {
  private current = new KeyTable();
  private previous = new KeyTable();

  has(id: string): boolean {
    const [high, low] = keyOf(id);
    return this.current.has(high, low) || this.previous.has(high, low);
  }

  /** @returns true if the oldest ids were dropped to make room */
  add(id: string): boolean {
    const isFull = this.current.size >= GENERATION;
    if (isFull) {
      this.previous = this.current;
      this.current = new KeyTable();
    }
    const [high, low] = keyOf(id);
    this.current.add(high, low);
    return isFull;
  }
}

function keyOf(id: string): readonly [number, number] {
  const hex = HEX_ID.test(id) ? id : createHash('sha256').update(id).digest('hex');
  return [Number.parseInt(hex.slice(0, 8), 16), Number.parseInt(hex.slice(8, 16), 16)];
}

/** Open addressing over pairs of 32-bit words; the pair 0, 0 marks a free place. */
class KeyTable {
  size = 0;
  private words = new Uint32Array(2 * 1024);

  has(high: number, low: number): boolean {
    const at = this.find(high, low);
    return this.isTaken(at);
  }

  add(high: number, low: number): void {
    const at = this.find(high, low);
    if (this.isTaken(at)) return;
    this.words[at] = high;
    this.words[at + 1] = high === 0 && low === 0 ? 1 : low;
    this.size++;
    if (this.size * 4 > this.words.length) this.grow();
  }

  private find(high: number, low: number): number {
    const second = high === 0 && low === 0 ? 1 : low;
    const mask = this.words.length / 2 - 1;
    let place = (Math.imul(high ^ Math.imul(second, 0x9e3779b1), 0x85ebca6b) >>> 7) & mask;
    for (; this.isTaken(place * 2); place = (place + 1) & mask)
      if (this.words[place * 2] === high && this.words[place * 2 + 1] === second) break;
    return place * 2;
  }

  private isTaken(at: number): boolean {
    return this.words[at] !== 0 || this.words[at + 1] !== 0;
  }

  private grow(): void {
    const old = this.words;
    this.words = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] === 0 && old[at + 1] === 0) continue;
      const to = this.find(old[at]!, old[at + 1]!);
      this.words[to] = old[at]!;
      this.words[to + 1] = old[at + 1]!;
    }
  }
}
