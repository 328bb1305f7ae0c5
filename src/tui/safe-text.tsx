import {Box, Text} from 'ink';
import {memo} from 'react';
import type {Safe} from '../text/safe.ts';

interface SafeTextProps {
  readonly children: Safe;
}

/**
 * One line of text, cut if there is no room. The only way to Ink's `Text`: everything drawn was made safe before,
 * including styles.
 */
export const SafeText = memo(({children}: SafeTextProps) => (
  // An empty text has no height.
  <Text wrap="truncate-end">{children === '' ? ' ' : children}</Text>
));

/** A text that is never cut, in a row of several. */
export function WholeText({children}: SafeTextProps) {
  return (
    <Box flexShrink={0}>
      <SafeText>{children}</SafeText>
    </Box>
  );
}

interface LinesProps {
  readonly lines: readonly Safe[];
  readonly columns: number;
  /** Absent: as many as there are lines. */
  readonly rows?: number;
}

/** Lines that already fit their place, from its top. */
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
