import {Box} from 'ink';
import {trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import type {Note} from './note.ts';
import {SafeText} from './safe-text.tsx';

interface NoteLineProps {
  readonly note: Note;
  readonly columns: number;
}

/** The line above the footer. */
export function NoteLine({note: {text, isBad}, columns}: NoteLineProps) {
  return (
    <Box width={columns} height={1} flexShrink={0}>
      <SafeText>{isBad ? paint(trusted(` ! ${text}`), 'yellow') : trusted(` ${text}`)}</SafeText>
    </Box>
  );
}
