import {EventEmitter} from 'node:events';
import {Box, render, Text} from 'ink';
import {memo} from 'react';
import type {Safe} from '../text/safe.ts';
import type {Block, Frame} from './frame.ts';
import type {Size} from './pane.ts';

/**
 * Lays a frame out with Ink and hands over the finished lines. Ink gets a terminal of paper: with `debug` each commit
 * arrives there as one whole screen without cursor codes, which `Screen` paints by lines.
 */
export class InkView {
  private readonly paper: Paper;
  private readonly ink: {rerender(node: React.ReactNode): void; unmount(): void};

  constructor(size: () => Size, onLines: (lines: readonly string[]) => void) {
    this.paper = new Paper(size, onLines);
    const streams = {stdout: this.paper, stderr: new Paper(size, () => undefined), stdin: new EventEmitter()};
    this.ink = render(<Text> </Text>, {
      ...(streams as unknown as Streams),
      debug: true,
      patchConsole: false,
      exitOnCtrlC: false,
      isScreenReaderEnabled: false,
    });
    this.paper.isOpen = true;
  }

  draw(frame: Frame): void {
    this.ink.rerender(<Page frame={frame} />);
  }

  close(): void {
    // Ink draws a last time when it ends.
    this.paper.isOpen = false;
    this.ink.unmount();
  }
}

interface Streams {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  stdin: NodeJS.ReadStream;
}

/** As much of a terminal as Ink asks for. */
class Paper extends EventEmitter {
  isOpen = false;
  readonly isTTY = false;
  readonly writable = true;

  constructor(
    private readonly size: () => Size,
    private readonly onLines: (lines: readonly string[]) => void,
  ) {
    super();
  }

  get columns(): number {
    return this.size().columns;
  }

  get rows(): number {
    return this.size().rows;
  }

  write(text: string, ...rest: readonly unknown[]): boolean {
    if (this.isOpen && text !== '') this.onLines(text.split('\n'));
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
