import type {Span} from '../trace/span.ts';

/**
 * Tokens of one call as they are billed. `input` includes cached and audio tokens, `output` audio and reasoning
 * tokens.
 */
export interface Billed {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly inputAudio: number;
  readonly output: number;
  readonly outputAudio: number;
  readonly reasoning: number;
}

/** @returns null if the counts are unknown or contradict each other */
export function tokensToBill(span: Span): Billed | null {
  const {grossPromptTokens: input, completionTokens} = span;
  if (input === null || completionTokens === null) return null;
  const cacheRead = span.cachedTokens ?? 0;
  const cacheWrite = span.cacheWriteTokens ?? 0;
  const cached = cacheRead + cacheWrite;
  const inputAudio = span.audioPromptTokens ?? 0;
  const outputAudio = span.audioCompletionTokens ?? 0;
  const reasoning = span.reasoningTokens ?? 0;
  if (cached > input || inputAudio > input || outputAudio + reasoning > completionTokens) return null;
  // How much of the audio was cached is not stored, and it has a price of its own.
  if (inputAudio > 0 && cached > 0) return null;
  return {input, cacheRead, cacheWrite, inputAudio, output: completionTokens, outputAudio, reasoning};
}
