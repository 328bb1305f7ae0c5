// Writes down when each frame of the screens was written, ms since 1970, a line each: `node frames.js FILE < what a terminal gets`.
import {appendFileSync} from 'node:fs';

const [file] = process.argv.slice(2);
const BEGIN = '\x1b[?2026h';

let rest = '';
process.stdin.setEncoding('latin1').on('data', chunk => {
  const text = rest + chunk;
  const at = performance.timeOrigin + performance.now();
  const count = text.split(BEGIN).length - 1;
  rest = text.slice(-BEGIN.length + 1);
  if (count > 0) appendFileSync(file, `${at}\n`.repeat(count));
});
