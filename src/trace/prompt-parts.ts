import {type Attributes, textOf} from './attributes.ts';
import {digest, exchangeOf, type Said} from './exchange.ts';
import {isRetrievalTool} from './kind.ts';
import type {Purpose} from './purpose.ts';
import {isRedacted} from './redacted.ts';
import type {Span} from './span.ts';

/** The kinds of parts of a prompt, in the order in which they are shown. */
export const PROMPT_PARTS = ['system', 'tools', 'documents', 'history', 'input', 'results'] as const;
export type PromptPart = (typeof PROMPT_PARTS)[number];

/** One piece of a prompt. */
interface Piece {
  readonly part: PromptPart;
  readonly chars: number;
  /** Equal for equal pieces. */
  readonly key: string;
  /** For a tool's result: the tool. */
  readonly tool: string | null;
}

export interface PartSize {
  readonly part: PromptPart;
  readonly chars: number;
  /** Share of the prompt's characters, 0 to 1. */
  readonly share: number;
  /** Its share of the reported prompt tokens; null: none are reported. An estimate, by characters. */
  readonly estimatedTokens: number | null;
}

export interface AddedResult {
  readonly tool: string | null;
  readonly chars: number;
  readonly estimatedTokens: number | null;
}

/** What one model call was sent. */
export interface Prompt {
  /** As reported, including tokens read from and written to the cache. */
  readonly promptTokens: number | null;
  readonly chars: number;
  readonly parts: readonly PartSize[];
  /**
   * Increase since the previous call of the same component and purpose; null: it is the first, or one has no reported
   * tokens.
   */
  readonly growthTokens: number | null;
  /** Results that the previous call was not sent. */
  readonly addedResults: readonly AddedResult[];
  /** Number of messages of the previous call that are no longer sent, for example after compaction. */
  readonly removedMessages: number;
  readonly removedChars: number;
  /** Images, audio and files, which have no characters. */
  readonly media: number;
  /** The span lost part of the prompt. */
  readonly isCut: boolean;
  /** Texts were hidden before they were stored: nobody knows how the tokens are divided. */
  readonly isHidden: boolean;
}

/** A model call and its prompt, in the form of the JSON contract. */
export interface PromptRecord extends Prompt {
  readonly spanId: string;
  readonly traceId: string;
  /** Of the innermost run around it. */
  readonly runId: string | null;
  readonly agent: string | null;
  readonly model: string | null;
  readonly provider: string | null;
  readonly purpose: Purpose | null;
  readonly startTime: string | null;
  /** It is unknown whether the reported count includes cached tokens. */
  readonly promptEstimated: boolean;
  /** Size of the model's context window, tokens; null: unknown. */
  readonly windowTokens: number | null;
  readonly windowShare: number | null;
}

/** Keys of a call in JSON, in order. */
export const PROMPT_FIELDS = [
  ...['spanId', 'traceId', 'runId', 'agent', 'model', 'provider', 'purpose', 'startTime'],
  ...['promptTokens', 'promptEstimated', 'windowTokens', 'windowShare', 'growthTokens', 'chars', 'parts'],
  ...['addedResults', 'removedMessages', 'removedChars', 'media', 'isCut', 'isHidden'],
] as const satisfies readonly (keyof PromptRecord)[];

/** Processes model calls in order, and compares each with the previous one of the same component. */
export class Prompts {
  private readonly before = new Map<string, {pieces: readonly Piece[]; promptTokens: number | null}>();

  /**
   * @param span read whole
   * @param of the calling component, and the purpose
   */
  take(span: Span, of: string): Prompt {
    const {pieces, media, isCut, isHidden} = piecesOf(span.attributes ?? {});
    const promptTokens = span.grossPromptTokens;
    const before = this.before.get(of) ?? null;
    this.before.set(of, {pieces, promptTokens});
    const chars = sum(pieces);
    const measured = chars === 0 || isHidden ? null : promptTokens;
    const estimate = (of: number) => (measured === null ? null : (measured * of) / chars);
    const sizes = PROMPT_PARTS.map(part => sum(pieces.filter(piece => piece.part === part)));
    const tokens = measured === null ? null : wholeShares(measured, sizes);
    const known = new Set(before?.pieces.map(({key}) => key));
    const now = new Set(pieces.map(({key}) => key));
    // Tool definitions are not messages, and documents change with each question.
    const removed = (before?.pieces ?? []).filter(
      ({key, part}) => !now.has(key) && part !== 'tools' && part !== 'documents',
    );
    return {
      promptTokens,
      chars,
      parts: PROMPT_PARTS.map((part, i) => ({
        part,
        chars: sizes[i]!,
        share: chars === 0 ? 0 : sizes[i]! / chars,
        estimatedTokens: tokens?.[i] ?? null,
      })),
      growthTokens:
        before === null || promptTokens === null || before.promptTokens === null
          ? null
          : promptTokens - before.promptTokens,
      addedResults: pieces
        .filter(
          ({part, tool, key}) => (part === 'results' || (part === 'documents' && tool !== null)) && !known.has(key),
        )
        .map(({tool, chars: added}) => {
          const about = estimate(added);
          return {tool, chars: added, estimatedTokens: about === null ? null : Math.round(about)};
        }),
      removedMessages: removed.length,
      removedChars: sum(removed),
      media,
      isCut,
      isHidden,
    };
  }
}

function piecesOf(attributes: Attributes): {
  pieces: Piece[];
  media: number;
  isCut: boolean;
  isHidden: boolean;
} {
  const {sent, lost} = exchangeOf(attributes);
  const names = new Map(sent.flatMap(said => said.toolCalls.map(call => [call.callId, call.name] as const)));
  const question = sent.findLast(({role, fromHistory}) => isOfUser(role) && !fromHistory);
  const pieces: Piece[] = [];
  let isHidden = false;
  const add = (part: PromptPart, text: string, said: Said | null, tool: string | null = null) => {
    if (isRedacted(text)) isHidden = true;
    if (text === '' || isRedacted(text)) return;
    // Not by its kind of part: the question of one call is history in the next.
    const key = digest(JSON.stringify([said?.role ?? part, said?.toolCallId ?? null, text]));
    pieces.push({part, chars: lengthOf(text), key, tool});
  };
  for (const key of Object.keys(attributes).sort())
    if (TOOL_DEFINITION.test(key)) add('tools', textOf(attributes, key) ?? '', null);
  for (const said of sent) {
    const {role, text, toolCalls, toolCallId} = said;
    if (role === 'system' || role === 'developer') add('system', text, said);
    else if (role === 'tool') {
      const tool = names.get(toolCallId) ?? null;
      add(tool !== null && isRetrievalTool(tool) ? 'documents' : 'results', text, said, tool);
    } else if (isOfUser(role)) {
      const {own, documents} = splitReferences(text);
      add('documents', documents, said);
      add(said === question ? 'input' : 'history', own, said);
    } else {
      const calls = toolCalls.map(({name, arguments: asked}) => `${name}${asked ?? ''}`);
      add('history', [text, ...calls].join(''), said);
    }
  }
  // Where the input is hidden, the messages beside it are all there unless the first ones are missing.
  const isCut = isHidden ? lost !== null && lost > 0 : lost !== 0;
  return {pieces, media: sent.reduce((count, said) => count + said.media.length, 0), isCut, isHidden};
}

const isOfUser = (role: string) => role === 'user' || role === 'input';
const TOOL_DEFINITION = /^llm\.tools\.\d+\.tool\.json_schema$/;
const REFERENCES = '<references>';
const REFERENCES_END = '</references>';

/**
 * Agno adds retrieved documents to the user's message (`add_knowledge_to_context`). No pattern finds them: it would look
 * for the end again from each beginning that has none.
 */
export function splitReferences(text: string): {own: string; documents: string} {
  let [own, documents, at] = ['', '', 0];
  for (;;) {
    const from = text.indexOf(REFERENCES, at);
    const end = from < 0 ? -1 : text.indexOf(REFERENCES_END, from);
    if (end < 0) return {own: own + text.slice(at), documents};
    own += text.slice(at, from);
    at = end + REFERENCES_END.length;
    documents += text.slice(from, at);
  }
}

/** Code points, as in the databases. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}

const sum = (pieces: readonly Piece[]) => pieces.reduce((total, {chars}) => total + chars, 0);

/** Whole numbers in proportion to the sizes, with the given total; the largest remainders are rounded up. */
function wholeShares(total: number, sizes: readonly number[]): number[] {
  const all = sizes.reduce((a, b) => a + b, 0);
  const exact = sizes.map(size => (total * size) / all);
  const whole = exact.map(Math.floor);
  const left = total - whole.reduce((a, b) => a + b, 0);
  const byRest = exact.map((share, i) => ({i, rest: share - whole[i]!})).sort((a, b) => b.rest - a.rest || a.i - b.i);
  for (const {i} of byRest.slice(0, Math.round(left))) whole[i]!++;
  return whole;
}
