// What src/render/values.ts asks of pretty-ms, for pages: the library is 2 kB of their 60. test/page/page.test.ts compares both.
const UNITS = [
  ['y', 31_536_000_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
];

/** @param {number} ms whole milliseconds */
export default function prettyMilliseconds(ms, {secondsDecimalDigits, unitCount}) {
  let left = Math.abs(ms);
  const sign = ms < 0 ? '-' : '';
  if (left < 1000) return `${sign}${left}ms`;
  const parts = [];
  for (const [unit, length] of UNITS) {
    const count = Math.floor(left / length);
    left -= count * length;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  if (left > 0) parts.push(`${(left / 1000).toFixed(secondsDecimalDigits)}s`);
  return sign + parts.slice(0, unitCount).join(' ');
}
