import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {type CliResult, cli} from '../cli.ts';
import {sqliteCopy} from '../fixtures.ts';

const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
const run = (line: string): Promise<CliResult> => cli([...line.split(' '), '--db', db], {env: {HOME: '/nowhere'}});
// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the contract says
const json = async (line: string): Promise<any> => {
  const {code, out, err} = await run(`${line} --json`);
  expect(code, err).toBe(EXIT.done);
  return JSON.parse(out);
};

describe('--max-bytes', () => {
  it.each([
    ['show workflow', 4000, 'spans'],
    ['transcript workflow', 5000, 'entries'],
    ['grep weather', 3000, ''],
    ['models', 1500, ''],
    ['list --sort cost', 5000, ''],
  ])('of %s gives all items, some at a time, with what --skip says', async (line, most, key) => {
    const itemsOf = ({data}: {data: never}) => (key === '' ? data : data[key]) as unknown[];
    const all = itemsOf(await json(line));
    const got: unknown[] = [];
    let calls = 0;
    for (let rest = ''; ; calls++) {
      const {out, code} = await run(`${line} --json --max-bytes ${most}${rest}`);
      expect(code).toBe(EXIT.done);
      expect(Buffer.byteLength(out)).toBeLessThanOrEqual(most);
      const answer = JSON.parse(out);
      const items = itemsOf(answer);
      expect(items.length).toBeGreaterThan(0);
      got.push(...items);
      if (!answer.truncated) break;
      const next = /--skip \d+/.exec(answer.notes.at(-1))!;
      rest = ` ${next[0]}`;
    }
    expect(calls).toBeGreaterThan(0);
    expect(got).toEqual(all);
  });

  it('of list goes on with a cursor', async () => {
    const all = (await json('list --limit 0')).data;
    const got: unknown[] = [];
    for (let cursor: string | null = null; ; ) {
      const answer = await json(`list --limit 10 --max-bytes 6000${cursor === null ? '' : ` --cursor ${cursor}`}`);
      got.push(...answer.data);
      if (answer.truncated) expect(answer.notes.at(-1)).toContain(`--cursor ${answer.page.next} has the rest`);
      cursor = answer.page.next;
      if (cursor === null) break;
    }
    expect(got).toEqual(all);
  });

  it.each(['show workflow', 'transcript workflow', 'grep weather', 'list'])(
    'of %s as jsonl prints whole lines, and says on stderr how to go on',
    async line => {
      const {code, out, err} = await run(`${line} --jsonl --max-bytes 3000`);
      expect(code).toBe(EXIT.done);
      expect(Buffer.byteLength(out)).toBeLessThanOrEqual(3000);
      for (const text of out.trimEnd().split('\n')) expect(JSON.parse(text)).not.toHaveProperty('truncated');
      expect(err).toMatch(/cut to --max-bytes 3000 after \d+ items?: --(skip \d+|cursor \S+) has the rest/);
    },
  );

  it('cuts the texts of an item that has no room by itself, and counts what they were', async () => {
    const [whole] = (await json('show agent-ok --io full')).data.spans;
    const {data, truncated} = await json('show agent-ok --io full --max-bytes 3000');
    expect(truncated).toBe(true);
    const [cut] = data.spans;
    expect(cut.truncated.attributes).toBe(JSON.stringify(whole.attributes).length);
    expect(cut.spanId).toBe(whole.spanId);
    expect(Object.keys(cut)).toEqual([...Object.keys(whole), 'truncated']);
  });

  it('that is too little for anything is refused, and so is one for people', async () => {
    const tooSmall = await run('list --json --max-bytes 100');
    expect(tooSmall).toMatchObject({code: EXIT.usage, out: ''});
    expect(tooSmall.err).toMatch(/--max-bytes 100 is too little: the smallest answer takes \d+ bytes/);
    for (const line of ['list --max-bytes 100', 'list --format csv --skip 1', 'show latest --skip 1'])
      expect(await run(line)).toMatchObject({code: EXIT.usage, out: ''});
  });
});

describe('--fields', () => {
  it.each(['json', 'jsonl'])('of show and transcript keeps these keys of each item, as %s', async format => {
    for (const [line, fields] of [
      ['show team', 'name,spanId,output'],
      ['transcript team', 'who,text'],
    ] as const) {
      const {out} = await run(`${line} --format ${format} --fields ${fields.toUpperCase()}`);
      const items =
        format === 'jsonl'
          ? out
              .trimEnd()
              .split('\n')
              .map(text => JSON.parse(text))
          : (Object.values(JSON.parse(out).data)[1] as object[]);
      expect(items.length).toBeGreaterThan(3);
      for (const item of items) expect(Object.keys(item)).toEqual(fields.split(','));
      expect(JSON.stringify(items)).toContain('refund');
    }
  });

  it('of show and transcript are refused as those of list are', async () => {
    for (const command of ['show latest', 'transcript latest']) {
      expect((await run(`${command} --fields nam --json`)).err).toContain('is not known');
      expect((await run(`${command} --fields name`)).err).toContain('does not apply to --format');
    }
  });
});
