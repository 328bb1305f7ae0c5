import {createHash} from 'node:crypto';
import prettyMilliseconds from 'pretty-ms';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import shortened from '../../build/pretty-ms.js';
import {safe} from '../../src/text/safe.ts';
import {cli, json} from '../cli.ts';
import {sqliteCopy} from '../fixtures.ts';
import {UNSAFE} from '../hostile-rows.ts';
import {inLong} from '../long.ts';
import {blocksOf, frameOf, OpenedPage} from './opened.ts';
import {database, HOSTILE, MANY, MARKUP, manySpans} from './rows.ts';

const FIXTURES = [
  'agno-3.1.10-pictures.sqlite',
  'agno-2.9.0-pictures.sqlite',
  'agno-2.9.0-more-pictures.sqlite',
  'agno-3.1.10-killed.sqlite',
  'agno-2.3.11-async-shape-b.sqlite',
];

/** Of a tree of which few rows are drawn, where it is about details. */
const ROWS_HEIGHT = 60;

const opened: OpenedPage[] = [];
const open = async (html: string, options = {}) => {
  const page = await OpenedPage.open(html, options);
  opened.push(page);
  return page;
};
// A window that is left open is memory that the next one lacks.
afterEach(async () => void (await Promise.all(opened.splice(0).map(page => page.close()))));

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON holds
type Any = any;

/** Rows of a run as a page holds them, with their contents. */
function rowsOf(blocks: Map<string, Any>, run: Any): Any[] {
  return run.rows.map((values: unknown[]) => {
    const row = Object.fromEntries(run.fields.map((key: string, i: number) => [key, values[i]]));
    if (row.content === null) return row;
    const [block, before] = run.contents.findLast(([, first]: number[]) => first! <= row.content);
    return {...row, ...blocks.get(String(block))[row.content - before]};
  });
}

/** All texts in a value, keys too. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, item]) => [...(Array.isArray(value) ? [] : [key]), ...textsIn(item)]);
}

async function pageOf(db: string, ...more: string[]): Promise<string> {
  const {code, out, err} = await cli(['export', '--all', '--format', 'html', '--db', db, ...more]);
  if (code !== 0) throw new Error(err);
  return out;
}

describe.each(FIXTURES)('a page of %s', async name => {
  const db = sqliteCopy(name);

  it('holds each span, time and text of show --json --io full', async () => {
    const {data: list} = await json(['list', '--traffic', '--limit', '0', '--db', db]);
    for (const id of new Set<string>(list.map(({traceId, runId}: Any) => runId ?? traceId))) {
      const argv = ['show', id, '--db', db];
      const {data} = await json([...argv, '--io', 'full']);
      const blocks = blocksOf((await cli([...argv, '--format', 'html'])).out);
      const runs = blocks.get('-last').runs.map(({block}: Any) => blocks.get(String(block)));
      expect(runs.map(({record}: Any) => record)).toEqual(data.runs);
      const rows = runs.flatMap((run: Any) => rowsOf(blocks, run));
      expect(rows).toHaveLength(data.spans.length);
      for (const [i, {input, output, attributes, ...record}] of data.spans.entries()) {
        for (const [key, value] of Object.entries(record)) expect([key, rows[i][key]]).toEqual([key, value]);
        expect(rows[i].attributes ?? null).toEqual(attributes);
        for (const text of [input, output]) if (text !== null) expect(textsIn(attributes)).toContain(text);
      }
    }
  });
});

it.each(inLong(FIXTURES.slice(0, 4), FIXTURES.slice(0, 1)))('a page of %s shows all that it holds', async name => {
  const html = await pageOf(sqliteCopy(name), '--traffic');

  const page = await open(html, {height: ROWS_HEIGHT});
  const blocks = blocksOf(html);
  const {runs} = blocks.get('-last');
  for (const [i, {block}] of runs.entries()) {
    if (i % inLong(1, 6) > 0) continue;
    const run = blocks.get(String(block));
    page.window.location.hash = `#r${i}`;
    await page.until(`[data-run="${i}"] .details`);
    expect(page.document.querySelector('h1')?.textContent).toBe(safe(run.title));
    for (const text of [run.record.traceId, run.record.stateReason].filter(Boolean))
      expect(page.document.body.textContent).toContain(safe(text));
    for (const [at, row] of rowsOf(blocks, run).entries()) {
      page.press(at === 0 ? 'Home' : 'ArrowDown');
      const details = await page.until(`.details[data-span="${at}"]`);
      const shown = details.textContent;
      for (const text of [
        row.label,
        row.startTime,
        row.endTime,
        row.spanStatus,
        row.name,
        row.model,
        row.statusMessage,
      ])
        if (text) expect(shown).toContain(safe(text, {multiline: true}));
      for (const [key, value] of Object.entries<Any>(row.attributes ?? {})) {
        expect(shown).toContain(safe(key));
        for (const text of typeof value === 'string' ? [value] : [])
          expect(shown).toContain(safe(text, {multiline: true}));
      }
      expect(page.document.querySelector('[aria-selected=true]')?.id).toBe(`s${at}`);
    }
  }
});

it('writes lengths of time as the program does', () => {
  const lengths = Array.from({length: 4000}, (_, i) => Math.round(10 ** (i / 300)));
  for (const ms of [
    ...lengths,
    ...lengths.map(n => -n),
    59_999,
    60_000,
    3_600_000,
    3_605_000,
    86_400_000,
    31_536_000_000,
  ]) {
    const isShort = Math.abs(ms) < 60_000;
    const options = {secondsDecimalDigits: isShort ? 1 : 0, keepDecimalsOnWholeSeconds: isShort, unitCount: 2};
    // As `duration` rounds them.
    const whole = Math.abs(ms) < 1000 ? ms : Math.round(ms / (isShort ? 100 : 1000)) * (isShort ? 100 : 1000);
    expect([ms, shortened(whole, options)]).toEqual([ms, prettyMilliseconds(whole, options)]);
  }
});

describe('the file', async () => {
  const html = await pageOf(sqliteCopy('agno-3.1.10-pictures.sqlite'));
  const [, style, script] = /<style>(.*?)<\/style>.*<script>(.*?)<\/script>/s.exec(frameOf(html))!;
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;

  it('allows exactly its own script and style', () => {
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      `script-src ${hash(script!)}`,
      `style-src ${hash(style!)}`,
      "base-uri 'none'",
      "form-action 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ]);
    expect(html.indexOf('Content-Security-Policy')).toBeLessThan(html.indexOf('<style>'));
    expect(script).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|fetch\(|XMLHttpRequest|WebSocket|localStorage/,
    );
    expect(style).not.toMatch(/url\(|@import/);
  });

  it('is small without its data, and ASCII', () => {
    expect(frameOf(html).length).toBeLessThan(60_000);
    expect(/[^\x20-\x7e\n]/.exec(html)).toBeNull();
  });

  it('has data in letters and digits alone: the rest is the same whatever the tables hold', async () => {
    const other = await pageOf(database(HOSTILE));
    expect(frameOf(other)).toBe(frameOf(html));
  });
});

/** Elements and their marks that the page's own script makes. */
const ELEMENTS =
  /^(html|head|meta|title|body|main|noscript|script|div|header|nav|h[123]|p|i|dl|dt|dd|span|button|input|output|canvas|aside|section|article|pre|b|details|summary|dialog|table|thead|tbody|tr|th|td)$/;
const MARKS =
  /^(class|id|role|title|type|for|tabindex|placeholder|autocomplete|spellcheck|scope|hidden|style|value|name|content|charset|http-equiv|lang|open|width|height|data-run|data-span|aria-[a-z]+)$/;

it('hostile rows are text, escaped as on a terminal', async () => {
  const html = await pageOf(database(HOSTILE));
  const page = await open(html, {height: ROWS_HEIGHT});
  const blocks = blocksOf(html);
  const {runs} = blocks.get('-last');
  expect(runs.length).toBeGreaterThan(60);
  const wrong: string[] = [];
  const isMarkup = ({record}: Any) => Object.values(MARKUP).some(payload => record.traceId.endsWith(payload));
  const look = (within: string) => {
    for (const element of page.document.querySelector(within)!.querySelectorAll('*')) {
      const marks = [...element.attributes];
      if (!ELEMENTS.test(element.tagName.toLowerCase())) wrong.push(element.tagName);
      for (const {name, value} of marks) if (!MARKS.test(name) || UNSAFE.test(value)) wrong.push(`${name}=${value}`);
    }
    const found = UNSAFE.exec(page.document.querySelector(within)!.textContent);
    if (found) wrong.push(JSON.stringify(found.input.slice(found.index - 30, found.index + 30)));
  };
  look('html');
  for (const [i, {block}] of runs.entries()) {
    const run = blocks.get(String(block));
    page.window.location.hash = `#r${i}`;
    await page.until(`[data-run="${i}"] .details`);
    look('#page');
    if (UNSAFE.test(page.document.title)) wrong.push(`title ${page.document.title}`);
    // What is escaped in one run is in all: details of spans are looked at of those that attack markup.
    for (const [at] of inLong(true, isMarkup(run)) ? run.rows.entries() : []) {
      page.press(at === 0 ? 'Home' : 'ArrowDown');
      await page.until(`.details[data-span="${at}"]`);
      look('.details');
    }
  }
  expect([...new Set(wrong)]).toEqual([]);
  expect('owned' in globalThis).toBe(false);
});

describe('a page of a question', () => {
  const db = sqliteCopy('agno-3.1.10-pictures.sqlite');

  it.each([
    ['stats', 'rect'],
    ['stats --every 1m', 'rect'],
    ['usage', '.trend path'],
    ['usage --every 1m', '.plot path'],
    ['errors', '.trend path'],
    ['models', '.trend path'],
    ['compare --at 2026-11-22T14:13:30 --all --limit 20', null],
  ])('%s has what the table in a pipe has', async (line, drawing) => {
    const [name, ...flags] = line.split(' ');
    const argv = [name!, '--limit', '0', ...flags, '--db', db];
    const {out, err, code} = await cli(argv);
    // Where the length of periods is known, their starts are shorter in a page.
    const text = line.includes('--every') ? out.replace(/T(\d\d:\d\d):00\.0{6}Z/g, ' $1') : out;
    const {out: html, code: same} = await cli([...argv, '--format', 'html']);
    expect(same).toBe(code);
    if (code !== 0) return expect(html).toBe('');
    const page = await open(html, {ready: '.list'});
    const cells = [...page.document.querySelectorAll('tbody td')].map(cell => cell.textContent).filter(Boolean);
    const words = (of: string) => of.replace(/\s+/g, '');
    const shown = [...page.document.querySelectorAll('th, td')].map(cell => cell.textContent);
    expect(cells.length).toBeGreaterThan(0);
    const notes = [...page.document.querySelectorAll('.note')].map(note => note.textContent);
    expect(notes.length).toBeGreaterThan(0);
    for (const note of notes) expect(words(err)).toContain(words(note));
    for (const cell of cells) expect(words(text)).toContain(words(cell));
    for (const row of text.trim().split('\n'))
      for (const cell of row.split(/ {2,}/).filter(Boolean)) expect(words(shown.join(''))).toContain(words(cell));
    expect(page.document.querySelectorAll('script')).toHaveLength(1);
    if (drawing !== null) expect(page.document.querySelectorAll(drawing).length).toBeGreaterThan(0);
    // A figure alone between gaps is a dash: of a point nothing would be seen.
    for (const path of page.document.querySelectorAll('.trend path, .plot path'))
      expect(path.getAttribute('d')).toMatch(/^(M[\d. ]+(L[\d. ]+|H[\d.]+)+)*$/);
    expect(frameOf(html).length).toBeLessThan(30_000);
  });
});

describe('a run of 10,000 spans', async () => {
  const db = database([manySpans()]);
  const {out: html} = await cli(['show', 'many-run', '--format', 'html', '--db', db]);
  let page: OpenedPage;
  beforeAll(async () => {
    page = await OpenedPage.open(html);
  });
  afterAll(() => page.close());

  it('is whole, and compressed', () => {
    const blocks = blocksOf(html);
    const [entry] = blocks.get('-last').runs;
    const rows = rowsOf(blocks, blocks.get(String(entry.block)));
    expect(rows).toHaveLength(MANY);
    expect(rows.at(-1).attributes['output.value']).toMatch(/^result 9998 /);
    expect(html.length).toBeLessThan(1_500_000);
  });

  it('has only the rows in the document that are seen', async () => {
    const rows = () => page.document.querySelectorAll('.row').length;
    expect(rows()).toBeLessThan(60);
    page.press('End');
    await page.until('.details h2', 'the_last');
    expect(rows()).toBeLessThan(60);
    expect(page.document.querySelector(`#s${MANY - 1}`)?.getAttribute('aria-selected')).toBe('true');
    expect(page.document.querySelector('.tree')?.getAttribute('aria-activedescendant')).toBe(`s${MANY - 1}`);
  });

  it('is gone through with keys: folds, search, errors', async () => {
    page.press('Home');
    await page.until('.details h2', 'Crowd');
    page.press('ArrowRight');
    await page.until('.details h2', 'tool_0');
    const first = () => page.document.querySelector('#s1');
    expect(first()?.getAttribute('aria-expanded')).toBe('true');
    expect(first()?.getAttribute('aria-level')).toBe('2');
    expect(first()?.getAttribute('aria-setsize')).toBe('1000');
    page.press('ArrowLeft');
    expect(first()?.getAttribute('aria-expanded')).toBe('false');
    page.press('ArrowDown');
    await page.until('.details .facts', 'c10');
    page.press('ArrowLeft');
    page.press('ArrowLeft');
    await page.until('.details h2', 'Crowd');
    page.press('/');
    const input = page.document.activeElement;
    expect(input.id).toBe('search');
    input.value = 'RESULT 7777';
    page.press('Enter');
    await page.until('.hits', '1 of 1');
    await page.until('.details', 'c7777');
    expect(page.document.querySelector('.row.found')?.id).toBe('s7778');
    page.press('Escape');
    await expect.poll(() => page.document.querySelector('.hits')?.textContent).toBe('');
    page.press('Z');
    expect(page.document.querySelectorAll('.row').length).toBeLessThan(60);
    page.press('?');
    expect(page.document.querySelector('dialog')?.getAttribute('open')).not.toBeNull();
  });
});
