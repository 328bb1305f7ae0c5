import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {cli} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';
import {database, HOSTILE, MANY, manySpans} from './rows.ts';

/*
 * Pages in a real browser: Chromium, as Debian's package `chromium` has it, or the one that AGNO_TRACE_CHROMIUM names. Pictures
 * are written into the folder that AGNO_TRACE_PICTURES names.
 */
const CHROMIUM = process.env.AGNO_TRACE_CHROMIUM ?? '/usr/bin/chromium';
const HAS_CHROMIUM = existsSync(CHROMIUM);
if (!HAS_CHROMIUM)
  process.stdout.write(`pages are not opened in a browser: there is no ${CHROMIUM} (AGNO_TRACE_CHROMIUM)\n`);

const require = createRequire(import.meta.url);
// biome-ignore lint/suspicious/noExplicitAny: the types of the library want those of a DOM
type Any = any;

const folder = temporaryFolder({isOnDisk: true});
const PICTURES = process.env.AGNO_TRACE_PICTURES;

async function fileOf(name: string, ...argv: string[]): Promise<string> {
  const file = path.join(folder, `${name}.html`);
  const {code, err} = await cli([...argv, '-o', file]);
  if (code !== 0) throw new Error(err);
  return file;
}

describe.skipIf(!HAS_CHROMIUM)('in Chromium', () => {
  let browser: Any;
  let files: Record<'demo' | 'team' | 'hostile' | 'many' | 'spans', string>;

  beforeAll(async () => {
    browser = await require('playwright-core').chromium.launch({executablePath: CHROMIUM, args: ['--no-sandbox']});
    const pictures = sqliteCopy('agno-3.1.10-pictures.sqlite');
    files = {
      demo: await fileOf('demo', 'export', '--all', '--traffic', '--db', pictures),
      team: await fileOf('team', 'show', 'team-member-error', '--db', pictures),
      hostile: await fileOf('hostile', 'export', '--all', '--db', database(HOSTILE)),
      spans: await fileOf('spans', 'spans', '--limit', '0', '--db', pictures),
      many: await fileOf('many', 'show', 'many-run', '--db', database([manySpans()])),
    };
  });
  afterAll(() => browser?.close());

  /** Opens a page; whatever it complains about, or asks a network for, is kept. */
  async function open(file: string, options: object = {}): Promise<{page: Any; wrong: string[]}> {
    const context = await browser.newContext({viewport: {width: 1440, height: 900}, ...options});
    const page = await context.newPage();
    const wrong: string[] = [];
    page.on('console', (message: Any) => wrong.push(`console: ${message.text()}`));
    page.on('pageerror', (error: Any) => wrong.push(`error: ${error.message}`));
    page.on('request', (request: Any) => {
      if (request.url().split('#')[0] !== `file://${file}`) wrong.push(`request: ${request.url()}`);
    });
    page.on('dialog', () => wrong.push('a dialog'));
    await page.goto(`file://${file}`);
    await page.waitForSelector('.details, table');
    return {page, wrong};
  }

  async function picture(page: Any, name: string): Promise<void> {
    if (PICTURES) await page.screenshot({path: path.join(PICTURES, `${name}.png`)});
  }

  it.each(['demo', 'team', 'hostile', 'many'] as const)(
    '%s: no error, no request, axe finds nothing serious, in both themes',
    async name => {
      for (const colorScheme of ['light', 'dark']) {
        const {page, wrong} = await open(files[name], {colorScheme});
        await picture(page, `${name}-${colorScheme}`);
        expect(wrong).toEqual([]);
        await page.context().close();
        // axe is a script of its own, which the page would not let in.
        const {page: looked} = await open(files[name], {colorScheme, bypassCSP: true});
        await looked.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
        const {violations} = await looked.evaluate('axe.run()');
        const serious = violations.filter(({impact}: Any) => impact === 'serious' || impact === 'critical');
        expect(serious.map(({id, nodes}: Any) => [id, nodes.slice(0, 3).map(({html}: Any) => html)])).toEqual([]);
        await looked.context().close();
      }
    },
  );

  it('hostile rows make no markup and run nothing', async () => {
    const {page, wrong} = await open(files.hostile);
    const runs = await page.locator('tbody tr').count();
    expect(runs).toBeGreaterThan(60);
    for (let run = 0; run < runs; run++) {
      await page.evaluate(`location.hash = '#r${run}'`);
      await page.waitForSelector(`[data-run="${run}"] .details`);
      for (const key of ['Home', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
      const found = await page.evaluate(`({
        owned: 'owned' in globalThis,
        foreign: [...document.querySelectorAll('#page *')].filter(element => /^(IMG|IFRAME|A|SCRIPT|STYLE|LINK|OBJECT|EMBED|SVG|FORM)$/i.test(element.tagName)).length,
        handlers: [...document.querySelectorAll('#page *')].filter(element => [...element.attributes].some(({name}) => /^(on|href|src|srcdoc)/.test(name))).length,
      })`);
      expect(found).toEqual({owned: false, foreign: 0, handlers: 0});
    }
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  it('many columns keep their words and ids whole', async () => {
    const {page, wrong} = await open(files.spans);
    const heights = await page.evaluate("[...document.querySelectorAll('th')].map(head => head.offsetHeight)");
    expect(Math.max(...heights)).toBeLessThan(40);
    const widths = await page.evaluate("[...document.querySelectorAll('td.long')].map(cell => cell.offsetWidth)");
    expect(Math.min(...widths)).toBeGreaterThanOrEqual(200);
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  it('forbids what is not its own', async () => {
    const {page, wrong} = await open(files.team);
    // In a task of the page: what the debugger runs may use eval.
    const done = await page.evaluate(`new Promise(end => setTimeout(async () => {
      const tried = [];
      const attempt = async (name, work) => { try { await work(); tried.push(name); } catch {} };
      await attempt('eval', () => (0, eval)('1'));
      await attempt('fetch', () => fetch('https://example.com/'));
      await attempt('markup', () => { document.body.innerHTML = '<b>x</b>'; });
      await attempt('script', () => { const script = document.createElement('script'); script.text = 'globalThis.owned = 1'; document.body.append(script); if (!globalThis.owned) throw 0; });
      end(tried);
    }))`);
    expect(done).toEqual([]);
    expect(wrong.filter(text => text.startsWith('request'))).toEqual([]);
    await page.context().close();
  });

  it('is worked with keys and the mouse', async () => {
    const {page, wrong} = await open(files.team);
    const chosen = () => page.getAttribute('[aria-selected=true]', 'id');
    const first = await chosen();
    await page.keyboard.press('ArrowDown');
    expect(await chosen()).not.toBe(first);
    await page.keyboard.press('e');
    await page.waitForSelector('.details section.failed');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('details');
    await page.keyboard.press('Escape');
    expect(await page.evaluate("document.activeElement.getAttribute('role')")).toBe('tree');
    await page.keyboard.press('/');
    await page.keyboard.type('recall benchmark');
    await page.keyboard.press('Enter');
    await page.waitForFunction("/of [1-9]/.test(document.querySelector('.hits').textContent)");
    await page.keyboard.press('Escape');
    const wave = await page.locator('.row .wave').first().boundingBox();
    const ticks = () => page.locator('.tick').allTextContents();
    const whole = await ticks();
    await page.mouse.move(wave.x + wave.width * 0.3, wave.y + 5);
    await page.mouse.down();
    await page.mouse.move(wave.x + wave.width * 0.5, wave.y + 8, {steps: 5});
    await page.mouse.up();
    expect(await ticks()).not.toEqual(whole);
    await picture(page, 'team-zoomed');
    await page.keyboard.press('0');
    expect(await ticks()).toEqual(whole);
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open]');
    await page.keyboard.press('Escape');
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  it('prints all rows, light', async () => {
    const {page} = await open(files.team, {colorScheme: 'dark'});
    const pdf = await page.pdf();
    expect(pdf.length).toBeGreaterThan(10_000);
    if (PICTURES) writeFileSync(path.join(PICTURES, 'team.pdf'), pdf);
    await page.emulateMedia({media: 'print'});
    expect(await page.evaluate("getComputedStyle(document.querySelector('.tools')).display")).toBe('none');
    await page.context().close();
  });

  it('10,000 spans: few rows in the document, wherever they are scrolled to', async () => {
    const {page, wrong} = await open(files.many);
    const rows = () => page.locator('.row').count();
    for (const part of [0.1, 0.5, 0.9, 1]) {
      await page.evaluate(
        `{const tree = document.querySelector('.tree'); tree.scrollTop = tree.scrollHeight * ${part}}`,
      );
      await page.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))');
      expect(await rows()).toBeLessThan(80);
      expect(
        await page.evaluate(
          "(() => {const {top} = document.querySelector('.tree').getBoundingClientRect(); return !!document.elementFromPoint(100, top + 200).closest('.row');})()",
        ),
      ).toBe(true);
    }
    await page.keyboard.press('End');
    expect(await page.getAttribute('[aria-selected=true]', 'id')).toBe(`s${MANY - 1}`);
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  it('10,000 spans: each frame of a long scroll shows rows', async () => {
    const {page, wrong} = await open(files.many);
    const debug = await page.context().newCDPSession(page);
    await debug.send('Performance.enable');
    const busyMs = async (): Promise<number> => {
      const {metrics} = await debug.send('Performance.getMetrics');
      return 1000 * metrics.find(({name}: Any) => name === 'TaskDuration').value;
    };
    const before = await busyMs();
    // From the top to the end in 300 steps, each of more than a screen.
    const {blank, frames, ms, longestMs} = await page.evaluate(`new Promise(done => {
      const tree = document.querySelector('.tree');
      const {left, top, height} = tree.getBoundingClientRect();
      let [blank, frames, longestMs] = [0, 0, 0];
      const began = performance.now();
      let last = began;
      const step = now => {
        if (frames > 0) {
          longestMs = Math.max(longestMs, now - last);
          for (const part of [0.2, 0.5, 0.8])
            if (!document.elementFromPoint(left + 60, top + height * part)?.closest('.row')) blank++;
        }
        last = now;
        if (frames === 300) return done({blank, frames, ms: now - began, longestMs});
        tree.scrollTop = (tree.scrollHeight * ++frames) / 300;
        requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    })`);
    const perFrame = ((await busyMs()) - before) / frames;
    process.stdout.write(
      `scrolling 10,000 spans: ${Math.round((1000 * frames) / ms)} frames a second, longest ${Math.round(longestMs)} ms, ${perFrame.toFixed(1)} ms of work for each\n`,
    );
    expect(blank).toBe(0);
    expect(wrong).toEqual([]);
    await page.context().close();
  });
});
