import {type Attributes, KEY, textOf} from '../attributes.ts';
import {digest, type Exchange, exchangeOf, type Said, Thread} from '../exchange.ts';
import {type Json, parseJson, printable} from '../json.ts';
import type {Span} from '../span.ts';
import {isFailedTool} from '../tool-failure.ts';
import {displayName, isDelegation, isRunSpan, type Node} from '../tree.ts';
import type {Noise} from './noise.ts';

/** What is compared of a span, in the order in which it is shown: first the input, then the answer. */
export const ASKED = ['model', 'provider', 'settings', 'tools offered', 'input', 'prompt', 'arguments'] as const;
export const ANSWERED = ['answer', 'calls', 'result', 'output', 'error'] as const;
export type What = (typeof ASKED)[number] | (typeof ANSWERED)[number];

/** One input or answer of a span; its text is read again if it differs. */
export interface Part {
  readonly what: What;
  /** Which one, if a span has several: the role of a message, the tool that is called. */
  readonly where: string | null;
  /** Of the text without the run's own ids and times. */
  readonly digest: string;
  /** Index of the text in the span. */
  readonly at: number;
}

/** The contents of one span. */
export interface Content {
  readonly parts: readonly Part[];
  /** A digest of all parts. */
  readonly key: string;
}

/**
 * Extracts the compared contents of the complete spans of one run, in drawn order. For a model call, these are the
 * messages that it added to its conversation, because every call is sent all earlier ones.
 */
export class Contents {
  private readonly threads = new Map<string, Thread>();
  /** The indices of the messages that a model call added. */
  private readonly added = new Map<string, readonly number[]>();

  constructor(private readonly noise: Noise) {}

  of(node: Node, span: Span): Content {
    const texts = this.texts(node, span);
    const parts = texts.map(({what, where, text}, at) => ({
      what,
      where,
      at,
      digest: digest(this.noise.without(text.trim())),
    }));
    return {parts, key: digest(JSON.stringify(parts.map(part => [part.what, part.where, part.digest])))};
  }

  /** The texts of a span that was passed to `of` before; `Part.at` is an index into them. */
  again(node: Node, span: Span): string[] {
    return this.texts(node, span).map(({text}) => text);
  }

  private texts(node: Node, span: Span): {what: What; where: string | null; text: string}[] {
    const attributes = span.attributes!;
    const texts: {what: What; where: string | null; text: string}[] = [];
    const add = (what: What, text: string | null, where: string | null = null) => {
      if (text !== null && text.trim() !== '') texts.push({what, where, text});
    };
    const output = textOf(attributes, KEY.output);
    if (span.kind === 'llm') {
      add('model', span.model);
      add('provider', span.provider);
      add('settings', canonical(textOf(attributes, KEY.invocationParameters)));
      add('tools offered', toolsOffered(attributes));
      const exchange = exchangeOf(attributes);
      const {sent, answered} = exchange;
      for (const i of this.addedBy(node, exchange)) add('prompt', saidText(sent[i]!), sent[i]!.role);
      for (const said of answered) {
        add('answer', plainText(said));
        for (const call of said.toolCalls) add('calls', canonical(call.arguments) ?? '{}', call.name);
      }
    } else if (span.openInferenceKind === 'TOOL') {
      add('arguments', canonical(textOf(attributes, KEY.toolParameters) ?? textOf(attributes, KEY.input)));
      if (!isFailedTool(span)) add('result', output);
    } else {
      add('input', textOf(attributes, KEY.input));
      add('output', output);
    }
    if (span.spanStatus === 'ERROR' || isFailedTool(span)) add('error', span.statusMessage ?? output);
    return texts;
  }

  private addedBy(node: Node, exchange: Exchange): readonly number[] {
    const known = this.added.get(node.id);
    if (known) return known;
    const {added} = this.threadOf(node).take(exchange);
    const fresh = new Set(added);
    const places = exchange.sent.flatMap((said, i) => (fresh.has(said) ? [i] : []));
    this.added.set(node.id, places);
    return places;
  }

  /** The conversation that a model call belongs to: that of the run or the tool around it. */
  private threadOf(node: Node): Thread {
    let up = node.parent;
    while (up?.span && !isRunSpan(up.span) && (up.span.openInferenceKind !== 'TOOL' || isDelegation(up.span)))
      up = up.parent;
    const key = up?.span?.runId ?? up?.id ?? node.run?.runId ?? '';
    const known = this.threads.get(key) ?? new Thread();
    this.threads.set(key, known);
    return known;
  }
}

function plainText({text, reasoning}: Said): string {
  return reasoning === null ? text : `${text}\n(reasoning)\n${reasoning}`;
}

function saidText(said: Said): string {
  const calls = said.toolCalls.map(call => `calls ${call.name}(${canonical(call.arguments) ?? ''})`);
  return [plainText(said), ...calls].filter(text => text !== '').join('\n');
}

/** One tool per line, sorted by name. */
function toolsOffered(attributes: Attributes): string | null {
  const tools = Object.keys(attributes)
    .filter(key => key.startsWith('llm.tools.'))
    .map(key => {
      const schema = canonical(textOf(attributes, key)) ?? '';
      return `${/"name":"([^"\\\\]*)"/.exec(schema)?.[1] ?? 'a tool without a name'}: ${schema}`;
    })
    .sort();
  return tools.length === 0 ? null : tools.join('\n');
}

/** JSON with sorted keys; other text unchanged. `null` and `{}` mean no arguments. */
function canonical(text: string | null): string | null {
  if (text === null || text === 'null') return null;
  if (!/^\s*[[{]/.test(text)) return text;
  const parsed = parseJson(text);
  if (!parsed || parsed.problems.length > 0 || printable(parsed.value) !== parsed.value) return text;
  const out = JSON.stringify(sorted(parsed.value));
  return out === '{}' ? null : out;
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map(key => [key, sorted(value[key]!)]),
  );
}

/**
 * Identifies a span in a comparison of two runs; leaves out everything that may differ between two executions of the
 * same thing.
 */
export function roleOf(node: Node): string {
  const {span} = node;
  if (!span) return 'ghost';
  if (span.kind === 'llm') return 'llm';
  if (isDelegation(span)) return `delegate ${memberNames(node) || displayName(span)}`;
  return `${span.kind} ${displayName(span)}`;
}

/** The members that a delegation reached; empty: none. */
export function memberNames(node: Node): string {
  return node.children
    .flatMap(child => (child.span && isRunSpan(child.span) ? [displayName(child.span)] : []))
    .sort()
    .join(', ');
}
