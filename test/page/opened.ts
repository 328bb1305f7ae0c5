import {createRequire} from 'node:module';
import {gunzipSync} from 'node:zlib';
import {vi} from 'vitest';

/*
 * Pages read back: what their file holds, and what they show, by a DOM without a browser. Real Chromium opens them in
 * `chromium.long.test.ts`.
 */

const BLOCK = /<script type="application\/gzip" id="b([\w-]+)">([A-Za-z0-9+/=]*)<\/script>\n/g;

/** The blocks of a page by their names: `0`, `1`, …, `-last`. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever a page holds
export function blocksOf(html: string): Map<string, any> {
  return new Map([...html.matchAll(BLOCK)].map(([, name, data]) => [name!, JSON.parse(unpacked(data!))]));
}

function unpacked(base64: string): string {
  return gunzipSync(Buffer.from(base64, 'base64')).toString();
}

/** All that the file says, blocks as their JSON: what must be gone from it is sought in this. */
export function plainText(html: string): string {
  return html.replace(BLOCK, (_, name, data) => `${name} ${unpacked(data)}\n`);
}

/** What is the same in every page. */
export function frameOf(html: string): string {
  return html.replace(BLOCK, '');
}

/** What of happy-dom is used here: the program's types know no DOM. */
export interface Element {
  readonly id: string;
  readonly tagName: string;
  readonly textContent: string;
  readonly attributes: Iterable<{readonly name: string; readonly value: string}>;
  value: string;
  scrollTop: number;
  click(): void;
  focus(): void;
  dispatchEvent(event: object): void;
  getAttribute(name: string): string | null;
  querySelector(selector: string): Element | null;
  querySelectorAll(selector: string): Iterable<Element> & {readonly length: number};
}

interface Window {
  readonly document: Element & {
    readonly body: Element;
    readonly activeElement: Element;
    title: string;
    write(html: string): void;
  };
  readonly location: {hash: string};
  readonly Event: new (type: string, init?: object) => object;
  readonly KeyboardEvent: new (type: string, init?: object) => object;
  readonly happyDOM: {close(): Promise<void>};
  dispatchEvent(event: object): void;
}

const {Window} = createRequire(import.meta.url)('happy-dom') as {Window: new (options: object) => Window};

/** A page as a reader has it. */
export class OpenedPage {
  private constructor(readonly window: Window) {}

  /** @param height pixels that the tree has; rows are 26 high */
  static async open(html: string, {height = 520, ready = '.details, .list'} = {}): Promise<OpenedPage> {
    const window = new Window({url: 'file:///page.html', width: 1400, height: 900});
    const script = /<script>([^<]*(?:<(?!\/script>)[^<]*)*)<\/script>/.exec(html)![1]!;
    window.document.write(html.replace(/<style>[^<]*<\/style>/, '').replace(`<script>${script}</script>`, ''));
    const page = new OpenedPage(window);
    // It lays nothing out.
    const size = {get: () => height};
    Object.defineProperty(
      (window as unknown as {HTMLElement: {prototype: object}}).HTMLElement.prototype,
      'clientHeight',
      size,
    );
    const own = {window, globalThis: window, Blob, Response, DecompressionStream, atob, CSS: undefined};
    // Its own names are those of the window, as in a browser.
    new Function('page', 'own', `with (page) with (own) {${script}}`)(window, own);
    await page.until(ready);
    return page;
  }

  get document() {
    return this.window.document;
  }

  /** Waits until there is such an element, and it holds `text`. */
  async until(selector: string, text = ''): Promise<Element> {
    const found = () => this.document.querySelector(selector);
    const isThere = () => {
      const element = found();
      if (!element?.textContent.includes(text)) throw new Error(`no ${selector} with ${JSON.stringify(text)}`);
    };
    await vi.waitFor(isThere, {interval: 1, timeout: 60_000});
    return found()!;
  }

  press(key: string, more: object = {}): void {
    this.document.activeElement.dispatchEvent(
      new this.window.KeyboardEvent('keydown', {key, bubbles: true, cancelable: true, ...more}),
    );
  }

  close(): Promise<void> {
    return this.window.happyDOM.close();
  }
}
