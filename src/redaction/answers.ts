import type {ExactJson} from '../trace/json.ts';
import {freeIn} from './free-name.ts';
import type {Redactor} from './redactor.ts';

/**
 * Keys whose values are our own words, and the form of these words. The digits of times would be mistaken for other
 * data.
 */
const OWN = /^(?:kind|state|place|costSource|.*Time|.*Seen|time)$/;
const WORD = /^(?:[a-z][a-z _-]*|\d{4}-\d\d-\d\dT[\d:.]+Z)$/;
/** Ids that link rows, and that calls use. */
const LINK = /^(?:(?:run|trace|span|parentSpan|sample\w*)_?Id|(?:run|trace|span|parent_span)_id|drawnUnder)$/;
/** The kind of id in the names of rows, according to the grouping. */
export type Named = 'user' | 'session' | null;
/** The values of these keys are complete as stored. */
const STORED = /^(?:attributes|input|output|arguments|result|reasoning|text|before|after)$/;

/**
 * Removes from the answers of commands (docs/json.md) what a redactor finds. Each object is cleaned only once, even
 * if it is needed both as part of an answer and by itself: a pseudonym must not be replaced by another one.
 */
export class AnswerCleaner {
  /** From an object to its cleaned form, and from that to itself. */
  private readonly cleaned = new WeakMap<object, object>();

  private named: Named = null;

  constructor(private readonly redactor: Redactor) {}

  /** @param named the kind of id in the names of its rows */
  clean<T>(answer: T, named: Named = null): T {
    this.redactor.about(peopleIn(answer));
    this.named = named;
    return this.value('', answer, false) as T;
  }

  private value(key: string, value: unknown, isStored: boolean): unknown {
    if (typeof value === 'string') return this.text(key, value, isStored);
    if (isStored && (typeof value === 'number' || typeof value === 'bigint')) return this.number(key, value);
    if (value === null || typeof value !== 'object') return value;
    const known = this.cleaned.get(value);
    if (known) return known;
    const clean = Array.isArray(value)
      ? value.map(item => this.value(key, item, isStored))
      : this.entries(value, isStored);
    this.cleaned.set(value, clean);
    this.cleaned.set(clean, clean);
    return clean;
  }

  private entries(value: object, isStored: boolean): object {
    const clean: Record<string, unknown> = Object.create(null);
    const {attribute} = value as {attribute?: unknown};
    const named = attribute === 'user' || attribute === 'session' ? attribute : this.named;
    for (const [key, item] of Object.entries(value)) {
      const name = isStored ? this.redactor.text(key, 'keys') : key;
      clean[freeIn(clean, name)] = this.value(isStored ? key : whoseId(key, named), item, isStored || STORED.test(key));
    }
    return clean;
  }

  private text(key: string, value: string, isStored: boolean): string {
    if (!isStored && OWN.test(key) && WORD.test(value)) return value;
    if (LINK.test(key)) return this.redactor.id(value, key);
    const clean = this.redactor.named(key, value, key, 0) as string;
    // A shortened text may end with half a secret, which is no longer recognised.
    return isStored ? clean : clean.replace(/.{0,64}…/g, '…');
  }

  /** A card number may be stored without quotes. */
  private number(key: string, value: number | bigint): ExactJson | number | bigint {
    const text = String(value);
    const clean = /^\d{9,19}$/.test(text) ? this.redactor.text(text, key) : text;
    return clean === text ? value : clean;
  }
}

/** The attribute name for one of our keys that names a user or a session. */
function whoseId(key: string, named: Named): string {
  if (key === 'user' || key === 'session') return `${key}_id`;
  return key === 'name' && named !== null ? `${named}_id` : key;
}

type Person = Parameters<Redactor['about']>[0][number];

/** The people that an answer mentions. */
function peopleIn(value: unknown, found: Person[] = []): Person[] {
  if (value === null || typeof value !== 'object') return found;
  const {userId, sessionId} = value as {userId?: unknown; sessionId?: unknown};
  const idOf = (id: unknown) => (typeof id === 'string' ? id : null);
  if (idOf(userId) !== null || idOf(sessionId) !== null) found.push({userId: idOf(userId), sessionId: idOf(sessionId)});
  for (const item of Object.values(value)) if (typeof item === 'object') peopleIn(item, found);
  return found;
}
