const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/**
 * Writes a Protobuf message from its end to its beginning, so that the length of the contents is known when it has to
 * be written. Therefore fields are added last first. Source: protobuf.dev, "Encoding".
 */
export class ProtobufWriter {
  private buffer = Buffer.allocUnsafe(64 * 1024);
  /** Bytes written, at the end of the buffer. */
  private written = 0;

  message(field: number, fields: () => void): void {
    const before = this.written;
    fields();
    this.putVarint(this.written - before);
    this.putTag(field, LENGTH_DELIMITED);
  }

  string(field: number, text: string): void {
    const length = Buffer.byteLength(text);
    const at = this.room(length);
    this.buffer.write(text, at, length, 'utf8');
    this.putVarint(length);
    this.putTag(field, LENGTH_DELIMITED);
  }

  bytes(field: number, bytes: Buffer): void {
    const at = this.room(bytes.length);
    bytes.copy(this.buffer, at);
    this.putVarint(bytes.length);
    this.putTag(field, LENGTH_DELIMITED);
  }

  /** Also negative ones, like int64. */
  varint(field: number, value: bigint): void {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    const at = this.room(bytes.length);
    this.buffer.set(bytes, at);
    this.putTag(field, 0);
  }

  fixed64(field: number, value: bigint): void {
    const at = this.room(8);
    this.buffer.writeBigUInt64LE(value, at);
    this.putTag(field, FIXED64);
  }

  double(field: number, value: number): void {
    const at = this.room(8);
    this.buffer.writeDoubleLE(value, at);
    this.putTag(field, FIXED64);
  }

  finish(): Buffer {
    return this.buffer.subarray(this.buffer.length - this.written);
  }

  private putTag(field: number, type: number): void {
    this.putVarint(field * 8 + type);
  }

  /** A length or a tag: a whole number below 2^53. */
  private putVarint(value: number): void {
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
    let at = this.room(size);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.buffer[at++] = (rest % 0x80) | 0x80;
    this.buffer[at] = rest;
  }

  /**
   * Makes room for this many bytes before the written ones, in a larger buffer if necessary, and returns the
   * position.
   */
  private room(length: number): number {
    this.written += length;
    if (this.written > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.buffer.length, 2 * this.written));
      const before = this.written - length;
      this.buffer.copy(larger, larger.length - before, this.buffer.length - before);
      this.buffer = larger;
    }
    return this.buffer.length - this.written;
  }
}

/** A field of a parsed message: its number, and a whole number or bytes. */
export interface ProtobufField {
  readonly field: number;
  readonly value: bigint | Buffer;
}

/** The fields of a message, as far as they can be read. An answer is shown, never trusted. */
export function* protobufFields(bytes: Buffer): Generator<ProtobufField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; at < bytes.length && shift < 70n; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const type = tag & 7;
    if (type === 0) yield {field: tag >> 3, value: varint()};
    else if (type === LENGTH_DELIMITED || type === FIXED64 || type === FIXED32) {
      const length = type === LENGTH_DELIMITED ? Number(varint()) : type === FIXED64 ? 8 : 4;
      if (length > bytes.length - at) return;
      yield {field: tag >> 3, value: bytes.subarray(at, at + length)};
      at += length;
    } else return;
  }
}
