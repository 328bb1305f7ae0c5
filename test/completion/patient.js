// The built program, but its completions may take as long as a busy machine needs.
import start from '../../dist/start.js';

const {complete} = start['run.js'];

const output = stream => ({write: text => void stream.write(text), isTTY: false, columns: undefined});
await complete(
  process.argv.slice(3),
  {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    notes: [],
    secrets: [],
    nowMicros: () => Date.now() * 1000,
  },
  30_000,
);
