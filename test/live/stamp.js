// Reads what `tail --jsonl` prints, in a separate process, so that a busy test does not count as a late line: for each
// span its id and when the line arrived (ms since 1970), for each heartbeat the connection.
import {createInterface} from 'node:readline';

process.on('SIGINT', () => undefined);
createInterface({input: process.stdin}).on('line', line => {
  const now = performance.timeOrigin + performance.now();
  const {event, span, connection} = JSON.parse(line);
  if (event === 'span') process.stdout.write(`span ${span.spanId} ${now}\n`);
  else if (event === 'heartbeat') process.stdout.write(`heartbeat ${connection}\n`);
});
