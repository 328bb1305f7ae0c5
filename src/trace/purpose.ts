/** What a model call is for, if Agno makes it in addition to the run's own calls. */
export type Purpose = 'memory' | 'summary' | 'parser' | 'follow-ups' | 'judge' | 'compaction' | 'culture' | 'learning';

/**
 * The beginnings of Agno's own prompts (in its memory, session, agent, eval, culture and learning modules); a user's
 * own prompt never begins like this.
 */
const BEGINNINGS: readonly (readonly [string, Purpose])[] = [
  ['You are a Memory Manager that is responsible for', 'memory'],
  ['Analyze the following conversation between a user and an assistant, and extract', 'summary'],
  ['You are tasked with creating a structured output from the provided', 'parser'],
  ["Based on the user's message and the assistant's response below, generate follow-up", 'follow-ups'],
  ['You are an expert judge tasked with comparing', 'judge'],
  ['You are an expert evaluator. Score outputs objectively', 'judge'],
  ['You maintain the running summary of a long conversation', 'compaction'],
  ['You are the **Cultural Knowledge Manager**', 'culture'],
  ['You are a Learning', 'learning'],
];

/** How many characters of a prompt are enough to recognise it. */
export const TELLING_LENGTH = 90;

/** From the first message that was sent; null: an ordinary call, or an unknown one. */
export function purposeOf(firstMessage: string | null): Purpose | null {
  const text = firstMessage?.trimStart() ?? '';
  return BEGINNINGS.find(([beginning]) => text.startsWith(beginning))?.[1] ?? null;
}
