import {EventEmitter} from 'node:events';
import {Box, render, Text} from 'ink';
import {memo} from 'react';
import type {Safe} from '../text/safe.ts';
import type {Block, Frame} from './frame.ts';
import type {Size} from './pane.ts';

/**
 * Lays frames out with Ink and hands over the finished lines. Ink gets a terminal of paper: with `debug` each commit
 * arrives there as one whole page without cursor codes. Its price is by cell, whatever changed (36 ms for 50 x 160), so
 * the page holds those rows only that differ from the frame before.
 */
export class InkView {
  private readonly ink: {rerender(node: React.ReactNode): void; unmount(): void};
  private readonly paper: Paper;
  /** The screen as it was drawn last, and for each row what it was made of. */
  private lines: string[] = [];
  private parts: readonly string[] = [];

  constructor(
    size: () => Size,
    private readonly onLines: (lines: readonly string[]) => void,
  ) {
    this.paper = new Paper(size);
    const streams = {stdout: this.paper, stderr: new Paper(size), stdin: new EventEmitter()};
    this.ink = render(<Text> </Text>, {
      ...(streams as unknown as Streams),
      debug: true,
      patchConsole: false,
      exitOnCtrlC: false,
      isScreenReaderEnabled: false,
    });
  }

  draw(frame: Frame): void {
    const parts = partsOf(frame);
    const rows = parts.flatMap((part, row) => (part === this.parts[row] ? [] : [row]));
    this.lines.length = parts.length;
    this.parts = parts;
    if (rows.length > 0) {
      this.ink.rerender(<Page frame={onlyRows(frame, rows)} />);
      const drawn = this.paper.page.split('\n');
      for (const [i, row] of rows.entries()) this.lines[row] = drawn[i] ?? '';
    }
    this.onLines(this.lines);
  }

  close(): void {
    this.ink.unmount();
  }
}

/** What each row of the screen is made of; equal texts look equal. */
function partsOf({columns, top, body, bottom}: Frame): string[] {
  const blocks = body.map(block => block.columns).join();
  const rows = body[0]?.lines.map((_, i) => `${blocks}\n${body.map(({lines}) => lines[i]).join('\n')}`) ?? [];
  return [...top.map(text => `${columns}\n${text}`), ...rows, ...bottom.map(text => `${columns}\n${text}`)];
}

/** The frame without the other rows. */
function onlyRows({columns, top, body, bottom}: Frame, rows: readonly number[]): Frame {
  const height = body[0]?.lines.length ?? 0;
  const wanted = new Set(rows);
  const from = (start: number) => (_: Safe, i: number) => wanted.has(start + i);
  return {
    columns,
    top: top.filter(from(0)),
    body: body.map(block => ({...block, lines: block.lines.filter(from(top.length))})),
    bottom: bottom.filter(from(top.length + height)),
  };
}

interface Streams {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  stdin: NodeJS.ReadStream;
}

/** As much of a terminal as Ink asks for; it keeps the last page. */
class Paper extends EventEmitter {
  readonly isTTY = false;
  readonly writable = true;
  page = '';

  constructor(private readonly size: () => Size) {
    super();
  }

  get columns(): number {
    return this.size().columns;
  }

  get rows(): number {
    return this.size().rows;
  }

  write(text: string, ...rest: readonly unknown[]): boolean {
    this.page = text;
    const done = rest.at(-1);
    if (typeof done === 'function') done();
    return true;
  }
}

function Page({frame}: {frame: Frame}) {
  return (
    <Box flexDirection="column" width={frame.columns}>
      <Lines lines={frame.top} columns={frame.columns} />
      <Box>
        {frame.body.map((block, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a block is a place on the screen, not a thing
          <Lines key={i} {...block} />
        ))}
      </Box>
      <Lines lines={frame.bottom} columns={frame.columns} />
    </Box>
  );
}

/** Lines that fit already. One text a line: Ink's price is by cell and by element. */
const Lines = memo(({lines, columns}: Block) => (
  <Box flexDirection="column" width={columns} flexShrink={0}>
    {lines.map((text, i) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: a line is a place on the screen, not a thing
      <Line key={i} text={text} />
    ))}
  </Box>
));

/** An empty text has no height. */
const Line = memo(({text}: {text: Safe}) => <Text wrap="truncate-end">{text === '' ? ' ' : text}</Text>);
