import {renderToString} from 'ink';
import type {ComponentProps} from 'react';
import {Screen} from '../../src/tui/screen.tsx';

/** The rows of the screen, as Ink lays them out. */
export function drawn(props: ComponentProps<typeof Screen>): string[] {
  return renderToString(<Screen {...props} />, {columns: props.world.size.columns}).split('\n');
}
