import {KEY, textOf} from './attributes.ts';
import {exchangeOf, type Said} from './exchange.ts';
import type {SearchPlace} from './places.ts';
import type {Span} from './span.ts';
import {isFailedTool} from './tool-failure.ts';
import {displayName} from './tree.ts';

/** One text of a span. */
export interface SpanText {
  readonly place: SearchPlace;
  /** Which text, if a span has several in this place: `user message 3`. */
  readonly where: string | null;
  readonly text: string;
}

/**
 * The texts of a complete span, by place, each once. For model calls the messages, not the JSON around them.
 * `attributes` is everything else in the span.
 */
export function textsOf(span: Span, places: ReadonlySet<SearchPlace>): SpanText[] {
  const texts: SpanText[] = [];
  const add = (place: SearchPlace, text: string | null, where: string | null = null) => {
    if (text !== null && text !== '' && places.has(place)) texts.push({place, where, text});
  };
  const attributes = span.attributes!;
  const names = [displayName(span), span.name, span.componentName, span.model, span.toolName];
  for (const name of new Set(names)) add('name', name);
  const output = textOf(attributes, KEY.output);
  const isTool = span.openInferenceKind === 'TOOL';
  const isError = isFailedTool(span);
  add('error', span.statusMessage);
  if (span.kind === 'llm') {
    const {sent, answered} = exchangeOf(attributes);
    if (places.has('input')) for (const [i, said] of sent.entries()) addSaid(add, 'input', said, i);
    if (places.has('output') || places.has('args')) for (const said of answered) addSaid(add, 'output', said, null);
  } else {
    const input = textOf(attributes, KEY.input);
    const parameters = textOf(attributes, KEY.toolParameters);
    if (isTool) {
      add('args', parameters ?? input);
      if (parameters !== null && input !== parameters) add('input', input);
    } else add('input', input);
    if (!isError) add('output', output);
    else if (output !== span.statusMessage) add('error', output);
  }
  // Postgres does not keep the order of keys, but the answer must be the same from both databases.
  for (const key of Object.keys(attributes).sort()) {
    const isDocument = key.startsWith('retrieval.documents.');
    if (isDocument) add('output', textOf(attributes, key), key.slice('retrieval.'.length));
    else if (places.has('attributes') && !isShown(key)) add('attributes', textOf(attributes, key), key);
  }
  return texts;
}

function addSaid(
  add: (place: SearchPlace, text: string | null, where: string | null) => void,
  place: SearchPlace,
  {role, text, reasoning, toolCalls}: Said,
  index: number | null,
): void {
  const which = index === null ? role : `${role} message ${index + 1}`;
  add(place, text, which);
  add(place, reasoning, `${which}, reasoning`);
  // The arguments that a model asks with are arguments; in the messages that it is sent, they are part of the
  // message.
  for (const call of toolCalls) {
    add(place, call.name, `${which} calls`);
    add(place === 'output' ? 'args' : place, call.arguments, `${which} calls ${call.name}`);
  }
}

/** Keys whose texts have a place of their own. */
function isShown(key: string): boolean {
  return (
    key === KEY.input ||
    key === KEY.output ||
    key === KEY.toolParameters ||
    key.startsWith('llm.input_messages.') ||
    key.startsWith('llm.output_messages.') ||
    key.startsWith('retrieval.documents.')
  );
}
