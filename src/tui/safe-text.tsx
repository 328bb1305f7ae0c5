import {Box, Text} from 'ink';
import {memo} from 'react';
import type {Safe} from '../text/safe.ts';

interface LinesProps {
  readonly lines: readonly Safe[];
  readonly columns: number;
  /** Absent: as many as there are lines. */
  readonly rows?: number;
}

/** One line of text. The only way to Ink's `Text`: what is drawn was made safe before, styles and all. */
const SafeText = memo(({children}: {readonly children: Safe}) => (
  // An empty text has no height.
  <Text wrap="truncate-end">{children === '' ? ' ' : children}</Text>
));

/** Lines that fit their place already, from its top. */
export function Lines({lines, columns, rows = lines.length}: LinesProps) {
  return (
    <Box flexDirection="column" width={columns} height={rows} flexShrink={0}>
      {lines.map((text, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is a place on the screen, not a thing
        <SafeText key={row}>{text}</SafeText>
      ))}
    </Box>
  );
}
