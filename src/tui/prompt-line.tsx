import {Box} from 'ink';
import type {TextPlace} from '../errors.ts';
import {type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {truncate, width} from '../text/width.ts';
import {type Prompt, promptRows} from './prompt.ts';
import {COLUMN_NAMES} from './runs/columns.ts';
import {SafeText} from './safe-text.tsx';

interface PromptLineProps {
  readonly prompt: Prompt;
  /** A remark after the line. */
  readonly remark: Safe;
  readonly columns: number;
  readonly ascii: boolean;
}

const LEADS: Readonly<Record<Prompt['kind'], string>> = {search: '/', filter: 'filter: ', columns: 'columns: '};

/** The line being typed with its cursor, and the error with a mark at its place. */
export function PromptLine({prompt, remark, columns, ascii}: PromptLineProps) {
  const {characters, cursor, problem} = prompt;
  const lead = trusted(LEADS[prompt.kind]);
  const room = columns - width(lead) - 1 - width(remark);
  // Text before the cursor is cut from the left, so that the cursor stays visible.
  let from = 0;
  while (from < cursor && width(shown(characters, from, cursor)) > room - 1) from++;
  const before = shown(characters, from, cursor);
  const after = truncate(shown(characters, cursor, characters.length), Math.max(0, room - width(before)));
  const line = trusted(`${paint(lead, 'bold')}${before}${ascii ? '|' : '▏'}${after}${paint(remark, 'yellow')}`);
  const mark = problem?.place ? columnOf(problem.place, prompt, from) : null;
  const place = mark === null ? columns : width(lead) + mark;
  return (
    <Box flexDirection="column" width={columns} height={promptRows(prompt)} flexShrink={0}>
      {problem === null ? null : <SafeText>{paint(safe(problem.message), 'red')}</SafeText>}
      {problem !== null || prompt.kind !== 'columns' ? null : (
        <SafeText>{paint(trusted(`choose from ${COLUMN_NAMES.join(' ')}; empty: the default`), 'dim')}</SafeText>
      )}
      <SafeText>{line}</SafeText>
      {place >= columns ? null : (
        <Box paddingLeft={place}>
          <SafeText>{trusted('^')}</SafeText>
        </Box>
      )}
    </Box>
  );
}

/** Columns of the visible text before the refused place; null: it is not visible. */
function columnOf({text, at}: TextPlace, {characters, cursor}: Prompt, from: number): number | null {
  const before = Array.from(text.slice(0, at)).length;
  return before < from ? null : width(shown(characters, from, before)) + (before >= cursor ? 1 : 0);
}

function shown(characters: readonly string[], from: number, to: number): Safe {
  return safe(characters.slice(from, to).join(''));
}
