import {Box} from 'ink';
import {trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {SafeText} from './safe-text.tsx';

interface TitleRuleProps {
  /** Titles of the panes below; that of the pane with the focus is in brackets. */
  readonly titles: readonly {readonly text: string; readonly isFocused: boolean}[];
  readonly columns: number;
  readonly ascii: boolean;
}

/** A line with the names of panes in it. */
export function TitleRule({titles, columns, ascii}: TitleRuleProps) {
  const dash = ascii ? '-' : '─';
  const used = titles.reduce((sum, {text}) => sum + text.length + 3, 0);
  return (
    <Box width={columns} height={1} flexShrink={0}>
      {titles.map(({text, isFocused}) => (
        <SafeText key={text}>
          {trusted(
            paint(trusted(dash), 'dim') +
              paint(trusted(isFocused ? `[${text}]` : ` ${text} `), isFocused ? 'bold' : 'dim'),
          )}
        </SafeText>
      ))}
      <SafeText>{paint(trusted(dash.repeat(Math.max(0, columns - used))), 'dim')}</SafeText>
    </Box>
  );
}
