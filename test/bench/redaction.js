// What redaction costs per span, whole and by detector, on the spans of the fixtures.
//   BASE=…      another checkout (or its src/ unpacked, with node_modules): its whole redaction is measured in the same rounds
//   ROUNDS=15
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';
import Database from 'better-sqlite3';
import {rolldown} from 'rolldown';
import {median} from './databases.js';

const ROUNDS = Number(process.env.ROUNDS ?? 15);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FIXTURES = ['agno-2.9.0-shop', 'agno-3.1.10-shop', 'agno-3.1.10-pictures'];

/** Modules of a checkout, as one file that can be imported. */
async function load(root, folder, name) {
  const entry = `\0redaction`;
  const code = ['redactor', 'detectors', 'pseudonyms', 'report', 'escapes']
    .map(file => `export * from ${JSON.stringify(path.resolve(root, `src/redaction/${file}.ts`))};`)
    .join('\n');
  const bundle = await rolldown({
    input: entry,
    platform: 'node',
    plugins: [{name: 'entry', resolveId: id => (id === entry ? id : null), load: id => (id === entry ? code : null)}],
  });
  const file = path.join(folder, `${name}.mjs`);
  await bundle.write({file, format: 'esm'});
  await bundle.close();
  return import(pathToFileURL(file).href);
}

/** The texts of all spans, as they are stored, each with what taking off its escapes makes of it. */
function textsOfSpans() {
  return FIXTURES.flatMap(name => {
    const db = new Database(`${ROOT}fixtures/${name}.sqlite`, {readonly: true});
    const rows = db.prepare('SELECT attributes FROM agno_spans').all();
    db.close();
    return rows.map(({attributes}) => Object.values(JSON.parse(attributes)).filter(value => typeof value === 'string'));
  });
}

function wholeOf({Redactor, Pseudonyms, RedactionReport}, spans) {
  const redactor = new Redactor('all', new Pseudonyms(Buffer.from('a key of the bench')), new RedactionReport());
  return () => {
    for (const texts of spans) for (const text of texts) redactor.text(text, 'here');
  };
}

export default async function redaction() {
  const folder = mkdtempSync(path.join(tmpdir(), 'agno-trace-bench-'));
  try {
    const ours = await load(ROOT, folder, 'ours');
    const base = process.env.BASE ? await load(process.env.BASE, folder, 'base') : null;
    const spans = textsOfSpans();
    const views = spans.map(texts =>
      texts.flatMap(text => {
        const all = [text];
        for (let next = ours.unescaped(text); next && all.length < 8; next = ours.unescaped(next.text))
          all.push(next.text);
        return all;
      }),
    );
    const measured = new Map([['whole', wholeOf(ours, spans)]]);
    if (base) measured.set('whole of BASE', wholeOf(base, spans));
    for (const {name, hint, find} of ours.DETECTORS)
      measured.set(name, () => {
        for (const texts of views) for (const text of texts) if (hint.test(text)) for (const _ of find(text));
      });
    const times = new Map([...measured.keys()].map(name => [name, []]));
    for (let round = -3; round < ROUNDS; round++) {
      for (const [name, run] of measured) {
        const start = process.hrtime.bigint();
        run();
        if (round >= 0) times.get(name).push(Number(process.hrtime.bigint() - start) / 1e3 / spans.length);
      }
    }
    const rows = [...times].map(([name, all]) => [name, median(all)]).sort((a, b) => b[1] - a[1]);
    for (const [name, micros] of rows)
      process.stdout.write(`${name.padEnd(20)} ${micros.toFixed(2).padStart(8)} µs a span\n`);
    const characters = views.flat().reduce((sum, text) => sum + text.length, 0);
    process.stdout.write(`${spans.length} spans, ${characters} characters\n`);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}
