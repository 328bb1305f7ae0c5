import {canonicalJson} from './json.ts';
import {setOf} from './sets-by-key.ts';
import type {ToolCall} from './tool-calls.ts';

interface OfName<T> {
  readonly items: Set<T>;
  /** By arguments, for those that were examined so far: most names have only one open call and need none of this. */
  readonly byArguments: Map<string, Set<T>>;
  readonly unread: Set<T>;
}

/**
 * Calls that a model asked for and that have no answer yet, in order. One answer of a model may ask for thousands, so
 * lookups do not go through all.
 */
export class OpenCalls<T extends {readonly call: ToolCall}> implements Iterable<T> {
  private readonly all = new Set<T>();
  private readonly byId = new Map<string, Set<T>>();
  private readonly byName = new Map<string, OfName<T>>();

  [Symbol.iterator](): Iterator<T> {
    return this.all.values();
  }

  add(item: T): void {
    const {callId, name} = item.call;
    this.all.add(item);
    if (callId !== null) setOf(this.byId, callId).add(item);
    const named = this.byName.get(name) ?? {items: new Set(), byArguments: new Map(), unread: new Set()};
    this.byName.set(name, named);
    named.items.add(item);
    named.unread.add(item);
  }

  delete(item: T): void {
    const {callId, name} = item.call;
    if (!this.all.delete(item)) return;
    if (callId !== null) this.byId.get(callId)!.delete(item);
    const named = this.byName.get(name)!;
    named.items.delete(item);
    if (!named.unread.delete(item)) named.byArguments.get(argumentsOf(item.call))!.delete(item);
  }

  withId(callId: string): T | undefined {
    return first(this.byId.get(callId));
  }

  /** The call that a tool span answers: the one with its name and arguments, or else with its name. */
  answeredBy(name: string, asked: string | null): T | undefined {
    const named = this.byName.get(name);
    if (!named || named.items.size < 2) return first(named?.items);
    for (const item of named.unread) setOf(named.byArguments, argumentsOf(item.call)).add(item);
    named.unread.clear();
    return first(named.byArguments.get(canonical(asked))) ?? first(named.items);
  }
}

function argumentsOf({arguments: asked}: ToolCall): string {
  return canonical(asked);
}

/** Missing arguments equal an empty object. */
function canonical(asked: string | null): string {
  return asked === null || asked === '' ? '{}' : canonicalJson(asked);
}

function first<T>(items: Iterable<T> | undefined): T | undefined {
  if (items) for (const item of items) return item;
  return undefined;
}
