import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint, type Style} from '../text/style.ts';
import {wrap} from '../text/width.ts';
import type {PartSize, PromptPart, PromptRecord} from '../trace/prompt-parts.ts';
import {flow} from './run-header.ts';
import type {Look} from './states.ts';
import {count, percent, shortCount} from './values.ts';

interface Drawing extends Look {
  readonly columns: number | null;
}

/** How each part is drawn: distinguishable without colours too. */
const DRAWN: Readonly<
  Record<PromptPart, {readonly label: string; readonly sign: string; readonly ascii: string; readonly style: Style}>
> = {
  system: {label: 'system', sign: '█', ascii: 'S', style: 'blue'},
  tools: {label: 'tool definitions', sign: '▓', ascii: 'D', style: 'magenta'},
  documents: {label: 'documents', sign: '▞', ascii: 'K', style: 'yellow'},
  history: {label: 'history', sign: '░', ascii: 'H', style: 'cyan'},
  input: {label: 'input', sign: '▪', ascii: 'I', style: 'bold'},
  results: {label: 'tool results', sign: '▒', ascii: 'R', style: 'green'},
};
const WIDEST_BAR = 60;
const INDENT = 4;

/** A paragraph for each call: its size, its parts, and the change since the previous call. */
export function renderPrompts(calls: readonly PromptRecord[], drawing: Drawing): Safe {
  const columns = drawing.columns === null ? null : Math.max(20, drawing.columns - INDENT);
  const largest = calls.reduce((most, call) => Math.max(most, sizeOf(call)), 1);
  return joined(
    calls.flatMap((call, i) => [
      trusted(''),
      ...flow(headOf(call, i + 1), trusted('  '), drawing.columns),
      ...indented([
        ...partsOf(call, largest, drawing, columns),
        ...changesOf(call).flatMap(text =>
          (columns === null ? [text] : wrap(text, columns)).map(part => paint(part, 'dim')),
        ),
      ]),
    ]),
    '\n',
  );
}

/** The bar and its legend; nothing if no text is stored. */
function partsOf(call: PromptRecord, largest: number, drawing: Drawing, columns: number | null): Safe[] {
  if (call.chars === 0) return [];
  const parts = call.parts.filter(({chars}) => chars > 0).map(part => partText(part, drawing));
  return [
    barOf(call, Math.min(WIDEST_BAR, columns ?? WIDEST_BAR) * (sizeOf(call) / largest), drawing),
    ...flow(parts, trusted(' · '), columns),
  ];
}

const indented = (lines: readonly Safe[]) => lines.map(text => line`${trusted(' '.repeat(INDENT))}${text}`);

/** By the reported tokens; if there are none, a token is about four characters. */
const sizeOf = ({promptTokens, chars}: PromptRecord) => promptTokens ?? chars / 4;

function headOf(
  {agent, model, purpose, promptTokens, promptEstimated, windowTokens, windowShare, growthTokens, chars}: PromptRecord,
  number: number,
): Safe[] {
  const about = trusted(promptEstimated ? '~' : '');
  return [
    paint(line`${number}`, 'dim'),
    paint(safe(model ?? 'a model'), 'bold'),
    ...(agent === null ? [] : [safe(agent)]),
    ...(purpose === null ? [] : [paint(safe(purpose), 'dim')]),
    promptTokens === null
      ? line`${count(chars)} characters, tokens not reported`
      : line`${about}${count(promptTokens)} tokens`,
    ...(growthTokens === null || growthTokens === 0
      ? []
      : [line`${trusted(growthTokens > 0 ? '+' : '-')}${count(Math.abs(growthTokens))}`]),
    ...(windowShare === null ? [] : [line`${percent(windowShare)} of ${shortCount(windowTokens)}`]),
  ];
}

/** A bar of this many columns, divided among the parts. */
function barOf({parts}: PromptRecord, width: number, {ascii}: Look): Safe {
  const whole = Math.max(1, Math.round(width));
  let [share, from] = [0, 0];
  return joined(
    parts.map(({part, share: own}) => {
      share += own;
      const to = Math.round(share * whole);
      const {style, ...signs} = DRAWN[part];
      const text = paint(trusted((ascii ? signs.ascii : signs.sign).repeat(Math.max(0, to - from))), style);
      from = to;
      return text;
    }),
    '',
  );
}

function partText({part, share, chars, estimatedTokens}: PartSize, {ascii}: Look): Safe {
  const {label, style, ...signs} = DRAWN[part];
  const size = estimatedTokens === null ? line`${count(chars)} characters` : line`~${count(estimatedTokens)}`;
  return line`${paint(trusted(ascii ? signs.ascii : signs.sign), style)} ${trusted(label)} ${percent(share)} ${size}`;
}

function changesOf({addedResults, removedMessages, removedChars, chars, media, isCut, isHidden}: PromptRecord): Safe[] {
  return [
    ...addedResults.map(({tool, chars, estimatedTokens}) => {
      const tokens = estimatedTokens === null ? trusted('') : line`, ~${count(estimatedTokens)} tokens`;
      return line`+ ${safe(tool ?? 'a tool')}: ${count(chars)} characters${tokens}`;
    }),
    ...(removedMessages === 0
      ? []
      : [
          line`- ${count(removedMessages)} ${trusted(removedMessages === 1 ? 'message' : 'messages')} of the call before no longer sent: ${count(removedChars)} characters`,
        ]),
    ...(media === 0
      ? []
      : [line`${count(media)} ${trusted(media === 1 ? 'image or file' : 'images or files')} not measured`]),
    ...(isHidden ? [trusted('texts were hidden before they were stored: how the tokens are divided is unknown')] : []),
    ...(chars === 0 && media === 0 && !isHidden ? [trusted('no messages are stored')] : []),
    ...(isCut ? [trusted('not all of it: messages were lost to the limit on attributes')] : []),
  ];
}
