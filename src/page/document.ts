import {answerScript, runScript, style} from 'built:page';
import {createHash} from 'node:crypto';
import {gzipSync} from 'node:zlib';
import type {Output} from '../context.ts';
import {jsonText} from '../render/json.ts';
import {trusted} from '../text/safe.ts';
import type {PageAnswer, PageContents} from './contents.ts';

/** Nothing is loaded, sent or framed; only this script runs, and it cannot turn text into markup. */
const policyOf = (script: string) =>
  [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

const headOf = (script: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policyOf(script)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="agno-trace">
<title>agno-trace</title>
<style>${style}</style>
</head>
<body>
<main id="page"><p class="reading">Reading &hellip;</p><noscript><p class="reading">This page needs JavaScript: it holds its data compressed.</p></noscript></main>
`;

/**
 * A self-contained page. Its data is in blocks of compressed JSON, encoded in letters and digits only: no text of a
 * table is ever part of its markup.
 */
export class PageDocument {
  private blocks = 0;

  constructor(private readonly out: Output) {}

  /** Adds a block. @returns its number */
  async block(value: unknown): Promise<number> {
    if (this.blocks === 0) this.out.write(trusted(headOf(runScript)));
    const number = this.blocks++;
    await this.write(String(number), value);
    return number;
  }

  async end(contents: PageContents): Promise<void> {
    if (this.blocks === 0) this.out.write(trusted(headOf(runScript)));
    await this.finish(contents, runScript);
  }

  /** A page that has nothing but the answer to a question. */
  async answer(answer: PageAnswer): Promise<void> {
    this.out.write(trusted(headOf(answerScript)));
    await this.finish(answer, answerScript);
  }

  private async finish(last: PageContents | PageAnswer, script: string): Promise<void> {
    await this.write('-last', last);
    this.out.write(trusted(`<script>${script}</script>\n</body>\n</html>\n`));
    await this.out.drained?.();
  }

  private async write(name: string, value: unknown): Promise<void> {
    const data = gzipSync(jsonText(value), {level: 9}).toString('base64');
    this.out.write(trusted(`<script type="application/gzip" id="b${name}">${data}</script>\n`));
    await this.out.drained?.();
  }
}
