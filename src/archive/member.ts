import {gzipSync} from 'node:zlib';

/*
 * A gzip member that contains its own length, in an extra field of its header (RFC 1952, 2.3.1.1; bgzip does the
 * same). So the end of the last complete batch of a truncated file is found without unpacking what comes before.
 */
const HEADER_BYTES = 10;
const HAS_EXTRA = 4;
const ID = Buffer.from('AT');
/** Length of the extra field, its id, its own length, and the member's as 8 bytes. */
const EXTRA_BYTES = 2 + 2 + 2 + 8;

export function gzipMember(bytes: Buffer): Buffer {
  // Fast rather than small, because a transaction is open meanwhile.
  const plain = gzipSync(bytes, {level: 1});
  const extra = Buffer.alloc(EXTRA_BYTES);
  extra.writeUInt16LE(EXTRA_BYTES - 2, 0);
  ID.copy(extra, 2);
  extra.writeUInt16LE(8, 4);
  extra.writeBigUInt64LE(BigInt(plain.length + EXTRA_BYTES), 6);
  const header = Buffer.from(plain.subarray(0, HEADER_BYTES));
  header[3]! |= HAS_EXTRA;
  return Buffer.concat([header, extra, plain.subarray(HEADER_BYTES)]);
}

export const MEMBER_HEAD_BYTES = HEADER_BYTES + EXTRA_BYTES;

/** @param head the first `MEMBER_HEAD_BYTES` of a member; null if it is not one of ours */
export function memberLength(head: Buffer): number | null {
  const isOurs =
    head.length === MEMBER_HEAD_BYTES &&
    isGzip(head) &&
    (head[3]! & HAS_EXTRA) !== 0 &&
    head.subarray(12, 14).equals(ID) &&
    head.readUInt16LE(14) === 8;
  return isOurs ? Number(head.readBigUInt64LE(16)) : null;
}

export function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}
