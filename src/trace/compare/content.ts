import {type Attributes, KEY, textOf} from '../attributes.ts';
import {digest, type Exchange, exchangeOf, type Said, Thread} from '../exchange.ts';
import {type Json, parseJson, printable} from '../json.ts';
import type {Span} from '../span.ts';
import {isFailedTool} from '../tool-failure.ts';
import {displayName, isDelegation, isRunSpan, type Node} from '../tree.ts';
import type {Noise} from './noise.ts';

/** What is compared of a span, in the order in which it is shown: first the question, then the answer. */
export const ASKED = ['model', 'provider', 'settings', 'tools offered', 'input', 'prompt', 'arguments'] as const;
export const ANSWERED = ['answer', 'calls', 'result', 'output', 'error'] as const;
export type What = (typeof ASKED)[number] | (typeof ANSWERED)[number];

/** One thing that a span was asked or answered; its text is read again where it differs. */
export interface Part {
  readonly what: What;
  /** Which one, where a span has several: the role of a message, the tool that is called. */
  readonly where: string | null;
  /** Of the text without the run's own ids and times. */
  readonly digest: string;
  /** Finds the text again in the span. */
  readonly at: number;
}

/** What a span says by itself. */
export interface Content {
  readonly parts: readonly Part[];
  /** All of it in one. */
  readonly key: string;
}

/**
 * Takes what is compared out of the spans of one run, read whole, in drawn order: of a model call what it added to its
 * conversation, as every call is sent all that came before.
 */
export class Contents {
  private readonly threads = new Map<string, Thread>();
  /** Which of its messages a model call added. */
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

  /** The texts of a span that was given to `of` before; `Part.at` is a place in it. */
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

  /** The conversation a model call belongs to: of the run, or the tool, around it. */
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

/** A tool a line, by its name. */
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

/** JSON with its keys in order; other text as it is. `null` and `{}` are no arguments. */
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

/** What a span is called where two runs are laid beside each other: whatever may change without its being another one is left out. */
export function roleOf(node: Node): string {
  const {span} = node;
  if (!span) return 'ghost';
  if (span.kind === 'llm') return 'llm';
  if (isDelegation(span)) return `delegate ${memberNames(node) || displayName(span)}`;
  return `${span.kind} ${displayName(span)}`;
}

/** Whom a delegation was handed to; empty: nobody is there. */
export function memberNames(node: Node): string {
  return node.children
    .flatMap(child => (child.span && isRunSpan(child.span) ? [displayName(child.span)] : []))
    .sort()
    .join(', ');
}
