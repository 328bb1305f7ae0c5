import Database from 'better-sqlite3';
import fc from 'fast-check';
import {beforeAll, describe, expect, it} from 'vitest';
import {Pattern, runsOf} from '../../src/commands/grep/pattern.ts';
import {hitLines} from '../../src/commands/grep/search.ts';
import {readableJson} from '../../src/trace/readable.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, loadIntoPostgres, sharedFixture, sqliteCopy} from '../databases.ts';
import {inCheck} from '../long.ts';
import {changeAttributes, copyRun, type RunCopy, type StoredRow, traceOf, writeRun} from '../planted.ts';

const VERSIONS = {'3.1.10': 'agno-3.1.10-pictures.sqlite', '2.9.0': 'agno-2.9.0-pictures.sqlite'} as const;
const CASES = Object.entries(VERSIONS)
  .flatMap(([version, file]) => BACKENDS.map(backend => ({version, file, backend})))
  .filter(inCheck);

/** One needle for each place where there can be one; none of them is the beginning of another. */
const NEEDLES: readonly {needle: string; place: string; name: RegExp; plant: (row: StoredRow) => void}[] = [
  {
    needle: 'needlename',
    place: 'name',
    name: /courier_status/,
    plant: row => {
      row.name = 'courier needlename';
    },
  },
  {
    needle: 'needleinput',
    place: 'input',
    name: /\.run$/,
    plant: row =>
      changeAttributes(row, at => {
        at['input.value'] += '\nplease needleinput';
      }),
  },
  {
    needle: 'needleanswer',
    place: 'output',
    name: /\.run$/,
    plant: row =>
      changeAttributes(row, at => {
        at['output.value'] += ' needleanswer';
      }),
  },
  {
    needle: 'needlenested',
    place: 'args',
    name: /issue_refund/,
    plant: row =>
      changeAttributes(row, at => {
        at['tool.parameters'] = JSON.stringify({
          note: JSON.stringify({deep: 'a "needlenested" in quotes'}),
          amount: 1,
          more: 'x'.repeat(300),
        });
      }),
  },
  {
    needle: 'Žluťoučký-kůň',
    place: 'args',
    name: /lookup_order/,
    // As Python writes it: ASCII, in JSON inside JSON.
    plant: row =>
      changeAttributes(row, at => {
        at['tool.parameters'] = ascii(JSON.stringify({order_id: 'Žluťoučký-kůň', more: 'y'.repeat(300)}));
      }),
  },
  {
    needle: 'needlerefused',
    place: 'error',
    name: /issue_refund/,
    plant: row => {
      row.status_code = 'ERROR';
      row.status_message = 'RefundError: needlerefused';
    },
  },
  {
    needle: 'needlesystem',
    place: 'input',
    name: /\.a?invoke/,
    plant: row =>
      changeAttributes(row, at => {
        at['input.value'] = at['input.value'].replace('refunds and invoices', 'refunds and needlesystem');
      }),
  },
];

const PLACES = ['name', 'input', 'output', 'args', 'error', 'attributes'];

const ascii = (text: string) =>
  text.replace(/[^\0-\x7f]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

function plantAll(copy: RunCopy): void {
  for (const {name, plant} of NEEDLES)
    for (const row of copy.spans.filter(span => name.test(String(span.name)))) plant(row);
  // Agno's writer leaves no letter beyond ASCII in the file.
  for (const row of copy.spans) row.attributes = ascii(String(row.attributes));
}

interface HitRecord {
  runId: string;
  spanId: string;
  place: string;
  where: string | null;
  path: string[];
  text: string;
  matches: [number, number][];
  before: string[];
  after: string[];
  line: number;
}

describe.each(CASES)('grep in the pictures of Agno $version on $backend', ({version, file: name, backend}) => {
  let db = '';
  let clean = '';
  let run = '';
  beforeAll(async () => {
    const file = sqliteCopy(name);
    const copy = copyRun(file, traceOf(file, 'agent-stream'), 86_400_000);
    plantAll(copy);
    writeRun(file, copy);
    run = String(copy.traces[0]!.run_id);
    db = backend === 'sqlite' ? file : await loadIntoPostgres(file);
    clean = await sharedFixture(backend, name);
  });

  it.each(NEEDLES)('finds $needle in its place, once, and nothing where there is none', async ({needle, place}) => {
    const {data, notes} = await json(['grep', needle, '--db', db]);
    expect(data).toHaveLength(1);
    const [hit] = data as HitRecord[];
    expect(hit).toMatchObject({runId: run, place});
    expect(hit!.path[0]).toBe('Billing Agent');
    expect(hit!.matches.map(([from, to]) => hit!.text.slice(from, to).toLowerCase())).toEqual([needle.toLowerCase()]);
    expect(notes[0]).toMatch(/^searched \d+ spans from 20/);
    expect((await json(['grep', needle, '--db', clean])).data).toEqual([]);
    // Rows of the other Agno are found by the same statements.
    if (version !== CASES[0]!.version) return;
    expect((await json(['grep', '-F', needle, '--db', db])).data).toEqual(data);
    expect((await json(['grep', needle, '--in', place, '--db', db])).data).toEqual(data);
    const others = PLACES.filter(one => one !== place);
    expect(
      (await json(['grep', needle, '--in', others.join(','), '--repeats', '--db', db])).data.filter(
        (one: HitRecord) => one.place === place,
      ),
    ).toEqual([]);
  });

  // Rows of the other Agno are found by the same statements.
  it.runIf(version === CASES[0]!.version)('finds all of them by any way in, each once', async () => {
    const any = NEEDLES.map(({needle}) => needle).join('|');
    const needles = any.toLowerCase().split('|');
    // As regular expressions without a literal, in other letters, as whole words.
    const spelled = any.replace(/[a-z]/g, letter => `[${letter}]`);
    const found = async (...argv: string[]) =>
      ((await json(['grep', ...argv, '--limit', '0', '--db', db])).data as HitRecord[])
        .flatMap(({spanId, place, text, matches}) =>
          matches.map(([from, to]) => ({needle: text.slice(from, to).toLowerCase(), place, spanId})),
        )
        .sort((a, b) => needles.indexOf(a.needle) - needles.indexOf(b.needle));
    const first = await found(any);
    expect(first).toMatchObject(NEEDLES.map(({needle, place}) => ({needle: needle.toLowerCase(), place})));
    for (const argv of [[spelled], ['-i', any.toUpperCase()], ['-w', any], [`/${any}/i`]])
      expect(await found(...argv), argv.join(' ')).toEqual(first);
  });

  it('undoes escapes, and says where in a text a hit is', async () => {
    const [hit] = (await json(['grep', 'needlenested', '-C', '1', '--db', db])).data as HitRecord[];
    expect(hit!.text).toBe('"deep":"a "needlenested" in quotes"}",');
    expect(hit!.before).toEqual(['"note":"{']);
    const [message] = (await json(['grep', 'needlesystem', '--db', db])).data as HitRecord[];
    expect(message).toMatchObject({
      where: 'system message 1',
      text: 'refunds and needlesystem',
      path: ['Billing Agent', 'gpt-5.5'],
    });
  });

  it('tells a text that stands again in a run only where asked', async () => {
    const once = (await json(['grep', 'needlesystem', '--db', db])).data as HitRecord[];
    const all = (await json(['grep', 'needlesystem', '--repeats', '--db', db])).data as HitRecord[];
    expect(once).toHaveLength(1);
    expect(all).toHaveLength(4);
    expect(all[0]!.spanId).toBe(once[0]!.spanId);
  });

  it('counts, and lists the runs', async () => {
    const {data} = await json(['grep', 'needle', '--count', '--db', db]);
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({runId: run, name: 'Billing Agent', hits: 6});
    const listed = await cli(['grep', 'needle', '-l', '--db', db]);
    expect(listed.out).toBe(`${run}\n`);
    expect((await json(['grep', 'Zürich', '-l', '--db', db])).data.length).toBeGreaterThan(5);
  });

  it('gives the same hits by every way to the runs', async () => {
    const all = (await json(['grep', 'customs hold', '--limit', '0', '--db', db])).data as HitRecord[];
    const runs = [...new Set(all.map(hit => hit.runId))];
    expect(runs.length).toBeGreaterThan(5);
    // Newest run first, as `list` has them.
    const listed = ((await json(['list', '--limit', '0', '--db', db])).data as {runId: string}[]).map(one => one.runId);
    expect(runs).toEqual([...new Set(listed)].filter(id => runs.includes(id)));
    for (const id of runs.slice(0, 3)) {
      const own = all.filter(hit => hit.runId === id);
      expect((await json(['grep', 'customs hold', '--run', id, '--db', db])).data).toEqual(own);
    }
    const agent = (await json(['grep', 'customs hold', '--agent', 'Billing*', '--limit', '0', '--db', db]))
      .data as HitRecord[];
    expect(agent).toEqual(all.filter(hit => hit.path[0] === 'Billing Agent'));
    const first = await json(['grep', 'customs hold', '--limit', '3', '--db', db]);
    expect(first.data).toEqual(all.slice(0, 3));
    expect(first.notes).toContain('there are more: --limit 0 for all');
  });

  it('searches only the spans of a kind, and only the window', async () => {
    const tools = (await json(['grep', 'Zürich|needle', '--kind', 'tool', '--limit', '0', '--db', db]))
      .data as (HitRecord & {kind: string})[];
    expect(tools.length).toBeGreaterThan(2);
    expect(new Set(tools.map(({kind}) => kind))).toEqual(new Set(['tool']));
    const {data, notes} = await json(['grep', 'needle', '--until', '2026-11-23', '--db', db]);
    expect(data).toEqual([]);
    expect(notes[0]).toMatch(/to 2026-11-22T/);
  });
});

describe.each(BACKENDS)('grep on %s', backend => {
  it('says how much was searched', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    expect((await json(['grep', 'no such text', '--db', db])).notes).toEqual([
      'searched 275 spans from 2026-11-22T14:12:49Z to 2026-11-22T14:14:36Z',
    ]);
    const nothing = await cli(['grep', 'no such text', '--db', db]);
    expect(nothing).toMatchObject({code: 0, out: ''});
    expect(nothing.err).toContain('nothing matches "no such text" · searched 275 spans');
  });

  it('gives up on texts that a pattern takes years for, and says so', async () => {
    const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const copy = copyRun(file, traceOf(file, 'agent-ok'), 86_400_000);
    for (const row of copy.spans.filter(span => span.name === 'get_weather'))
      changeAttributes(row, at => {
        at['output.value'] = `${'a'.repeat(1_000_000)}!`;
      });
    writeRun(file, copy);
    const db = backend === 'sqlite' ? file : await loadIntoPostgres(file);
    const {data, notes} = await json(['grep', '(a+)+$', '--tool', 'get_weather', '--db', db]);
    expect(data).toEqual([]);
    expect(notes).toContain('1 text not searched: the pattern takes too long on them');
    // What others hold is found all the same.
    const {data: found} = await json(['grep', '(a+)+!|sunny', '--tool', 'get_weather', '--db', db]);
    expect(found.length).toBeGreaterThan(0);
  });
});

describe('a pattern', () => {
  const pattern = (text: string, options = {}) =>
    new Pattern(text, {fixed: false, ignoreCase: null, word: false, ...options});

  it.each([
    ['customs hold', 'customs hold'],
    ['order_id.*4417', 'order_id'],
    ['Zürich', 'rich'],
    ['abc|def', null],
    ['(abc)?defg', 'defg'],
    ['abcd*', 'abc'],
    ['abcd+e', 'abcd'],
    ['\\d+ units', ' units'],
    ['[a-z]+', null],
    ['\\x41bcd', null],
    ['a.b', null],
    ['say "hello"', 'hello'],
    ['abc{0,3}xyz', 'xyz'],
    ['[abc]defg]', 'defg'],
  ])('%s: every match holds %s', (text, literal) => {
    expect(pattern(text, {ignoreCase: false}).literal).toBe(literal);
  });

  it('holds its literal in whatever matches', () => {
    const atoms = fc.constantFrom('abc', 'x', '.', '[ab]', '(ab|cd)', '\\d', 'de', '\\.', '-', ' ', '(?:xyz)');
    const counts = fc.constantFrom('', '*', '+', '?', '{2}', '{0,2}', '{1,}?');
    const sources = fc
      .array(fc.tuple(atoms, counts), {minLength: 1, maxLength: 6})
      .map(parts => parts.map(part => part.join('')).join(''));
    const letters = fc.string({unit: fc.constantFrom(...'abcdexyz.- 019'), maxLength: 40});
    fc.assert(
      fc.property(sources, letters, (source, text) => {
        const match = new RegExp(source).exec(text);
        if (match) for (const run of runsOf(source)) expect(match[0]).toContain(run);
      }),
      {numRuns: 3000},
    );
  });

  it('ignores case unless it has an upper-case letter', () => {
    expect(pattern('abc').search(['xABCx'])).toEqual([[[1, 4]]]);
    expect(pattern('Abc').search(['xABCx'])).toEqual([[]]);
    expect(pattern('Abc', {ignoreCase: true}).search(['xABCx'])).toEqual([[[1, 4]]]);
    expect(pattern('\\Bbc').ignoresCase).toBe(true);
  });

  it('takes whole words of any script', () => {
    expect(pattern('rüb', {word: true}).search(['rübe', 'die rüb!', 'erüb'])).toEqual([[], [[4, 7]], []]);
  });

  it.each([
    ['(', /"\(" is not a regular expression: /],
    ['x*', /matches every line/],
    ['', /pattern is empty/],
  ])('refuses %j', async (text, message) => {
    const {code, err} = await cli(['grep', text, '--db', 'nowhere.db']);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });

  it('takes what -F says for plain text', () => {
    expect(pattern('a(b', {fixed: true}).search(['xa(b'])).toEqual([[[1, 4]]]);
  });
});

describe('JSON as it is searched', () => {
  it('has its texts without escapes, a value a line, JSON in texts too', () => {
    const inner = JSON.stringify({city: 'Zürich', say: 'he said "no"\nand left'});
    const text = ascii(JSON.stringify({a: 1.5, list: [1, 2], inner, path: 'C:\\x'}));
    expect(readableJson(text)!.split('\n')).toEqual([
      '{',
      '"a":1.5,',
      '"list":[',
      '1,',
      '2],',
      '"inner":"{',
      '"city":"Zürich",',
      '"say":"he said "no"',
      'and left"}",',
      '"path":"C:\\x"}',
    ]);
  });

  it('never fails, and keeps every letter of plain text', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (text, junk) => {
        readableJson(`{${junk}`);
        readableJson(text.slice(0, text.length >> 1));
        const shown = readableJson(JSON.stringify({value: junk, more: '\\'})) ?? '';
        for (const word of junk.match(/[A-Za-z0-9_.-]+/g) ?? []) expect(shown).toContain(word);
      }),
      {numRuns: 500},
    );
  });
});

describe('the lines of hits', () => {
  it('are told once each, with what is around them', () => {
    const text = 'one\ntwo two\n\nthree two';
    const ranges = new Pattern('two', {fixed: true, ignoreCase: null, word: false}).search([text])[0]!;
    expect(hitLines(text, ranges, 1)).toEqual([
      {
        line: 2,
        text: 'two two',
        matches: [
          [0, 3],
          [4, 7],
        ],
        before: ['one'],
        after: [''],
      },
      {line: 4, text: 'three two', matches: [[6, 9]], before: [''], after: []},
    ]);
  });

  it('end where the line does, though the match goes on', () => {
    expect(hitLines('ab\ncd', [[1, 4]], 0)).toEqual([{line: 1, text: 'ab', matches: [[1, 2]], before: [], after: []}]);
  });
});

describe('a file that is locked against readers for long', () => {
  it('is searched in short statements', async () => {
    const file = sqliteCopy('agno-2.9.0-pictures.sqlite');
    const db = new Database(file);
    expect(db.pragma('journal_mode', {simple: true})).toBe('delete');
    db.close();
    const {out} = await cli(['grep', 'customs hold', '--print-sql', '--db', file]);
    expect(out).toContain('instr(lower(s.attributes)');
    expect(out).toContain('limit 1 offset');
  });
});

it('keeps what was found when Ctrl-C ends it', async () => {
  const db = sqliteCopy('agno-3.1.10-shop.sqlite');
  const all = await cli(['grep', 'the', '--limit', '0', '--db', db]);
  let isTold = false;
  const {code, out, err} = await cli(['grep', 'the', '--limit', '0', '--db', db], {
    onOut: () => {
      if (!isTold) process.emit('SIGINT', 'SIGINT');
      isTold = true;
    },
  });
  expect(code).toBe(130);
  expect(out.length).toBeGreaterThan(0);
  expect(out.length).toBeLessThan(all.out.length / 2);
  expect(all.out.startsWith(out)).toBe(true);
  expect(err).toMatch(/searched \d+ spans from .* stopped early/);
});

describe.each(CASES)('what grep prints of Agno $version on $backend', ({version, file, backend}) => {
  it('reads as it is written down, in a pipe', async () => {
    const db = await sharedFixture(backend, file);
    const {out} = await cli(['grep', 'customs hold', '--limit', '25', '--db', db]);
    await expect(out).toMatchFileSnapshot(`../golden/grep/${version}/customs-hold.txt`);
    const counted = await cli(['grep', 'customs hold', '--count', '--db', db]);
    await expect(counted.out).toMatchFileSnapshot(`../golden/grep/${version}/customs-hold-count.txt`);
  });

  it.runIf(backend === 'sqlite').each([60, 200])('reads as it is written down, on %i columns', async columns => {
    const db = await sharedFixture(backend, file);
    const nowMicros = Date.parse('2026-11-23T10:00:00Z') * 1000;
    const {out} = await cli(['grep', '4417|Z.rich', '-C', '1', '--limit', '25', '--color', 'never', '--db', db], {
      columns,
      nowMicros,
    });
    await expect(out).toMatchFileSnapshot(`../golden/grep/${version}/terminal-${columns}.txt`);
  });
});
