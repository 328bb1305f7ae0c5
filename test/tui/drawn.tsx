import {renderToString} from 'ink';
import type {ComponentProps, ReactElement} from 'react';
import {PromptLine} from '../../src/tui/prompt-line.tsx';
import {Screen} from '../../src/tui/screen.tsx';

/** On a terminal with room to spare: what leaves its place is seen, and not cut by Ink at the edge. */
function rowsOf(part: ReactElement, columns: number): string[] {
  return renderToString(part, {columns: columns + 40}).split('\n');
}

/** The rows of the screen, as Ink lays them out. */
export function drawn(props: ComponentProps<typeof Screen>): string[] {
  return rowsOf(<Screen {...props} />, props.world.size.columns);
}

export function drawnPrompt(props: ComponentProps<typeof PromptLine>): string[] {
  return rowsOf(<PromptLine {...props} />, props.columns);
}
