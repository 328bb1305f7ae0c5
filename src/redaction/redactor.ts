import {type ExactAttributes, ID_KEYS} from '../trace/attributes.ts';
import {type ExactJson, exactJson, NumberText} from '../trace/json.ts';
import {isRedacted} from '../trace/redacted.ts';
import {isWords} from '../trace/secrets.ts';
import type {StoredSpan, StoredTime} from '../trace/stored-span.ts';
import {DETECTORS, type Detector, type Match} from './detectors.ts';
import {type Unescaped, unescaped} from './escapes.ts';
import {freeIn} from './free-name.ts';
import type {Redaction} from './kinds.ts';
import {isSecretNamed} from './named-values.ts';
import type {Pseudonyms} from './pseudonyms.ts';
import type {RedactionReport} from './report.ts';

/** How many levels of escapes are removed, one after the other. */
const MOST_LEVELS = 8;
/** Longer texts are left out instead of searched. */
const LONGEST_TEXT = 16_000_000;
const DEEPEST = 100;
/** Ids of users and sessions that are not ordinary words ("support", "cancelled"). */
const IS_NO_WORD = /^(?=.*[\d@._]).{6,}$/su;
/** Keys of a record whose values do not come from the tables. */
const OWN_WORDS = /^(?:kind|state|costSource|startTime|endTime)$/;

type Who = 'user' | 'session';
/** Keys for users and sessions, in attributes and in JSON inside them. */
const WHO_NAME = /^(?:.*[._])?(user|session)[._]?id$/i;
const WHO_IN_TEXT =
  /(?<![A-Za-z])(user|session)(?:_id|Id|\.id)["'`]{0,2}[ \t]{0,3}[=:][ \t]{0,3}["'`]{0,2}(?<found>[^\s"'`,;&}\])\\<>]{1,200})/g;
/** Nobody's id: what stands for none, types, and expressions of a program. */
const NOBODY = /^(?:none|null|undefined|str|string|\w+(?:\.\w+)*\.\w*id|\w+\(.*)$/i;

interface Replacement {
  readonly from: number;
  to: number;
  readonly by: string;
  readonly detector: string;
  /** Of the detectors: the first ones are the more telling. */
  readonly rank: number;
}

/**
 * Removes secrets and personal data from exported data: in any text, however many times it was encoded as JSON, in
 * names, messages, keys and numbers. Replaced text becomes `[redacted:<detector>]`; users and sessions get
 * pseudonyms. Best effort.
 */
export class Redactor {
  private readonly detectors: readonly Detector[];
  private readonly hidesWho: boolean;
  /** Users and sessions of the current runs, replaced wherever they occur. */
  private known: ReadonlyMap<string, Who> = new Map();

  constructor(
    kinds: Redaction,
    private readonly pseudonyms: Pseudonyms,
    private readonly report: RedactionReport,
  ) {
    this.detectors = DETECTORS.filter(({finds}) => kinds === 'all' || finds === kinds);
    this.hidesWho = kinds !== 'secrets';
  }

  /** Names of what is looked for, in order. */
  get lookedFor(): readonly string[] {
    const names = this.detectors.map(({name}) => name);
    return (this.hidesWho ? [...names, 'user-id', 'session-id'] : names).sort();
  }

  /** Whose runs come next. */
  about(people: readonly {readonly userId: string | null; readonly sessionId: string | null}[]): void {
    const known = new Map<string, Who>();
    const add = (id: string | null, who: Who) => {
      if (id !== null && IS_NO_WORD.test(id)) known.set(id, who);
    };
    for (const {userId, sessionId} of people) {
      add(sessionId, 'session');
      add(userId, 'user');
    }
    this.known = known;
  }

  span(span: StoredSpan): StoredSpan {
    const time = (stored: StoredTime, place: string): StoredTime =>
      stored.nanos === null ? {...stored, text: this.text(stored.text, place)} : stored;
    return {
      ...span,
      spanId: this.id(span.spanId, 'span_id'),
      traceId: this.id(span.traceId, 'trace_id'),
      parentSpanId: span.parentSpanId === null ? null : this.id(span.parentSpanId, 'parent_span_id'),
      name: this.text(span.name, 'name'),
      otelKind: this.text(span.otelKind, 'span_kind'),
      statusCode: this.text(span.statusCode, 'status_code'),
      statusMessage: span.statusMessage === null ? null : this.text(span.statusMessage, 'status_message'),
      start: time(span.start, 'start_time'),
      end: time(span.end, 'end_time'),
      created: time(span.created, 'created_at'),
      attributes: this.attributes(span.attributes),
      unreadAttributes: span.unreadAttributes === null ? null : this.text(span.unreadAttributes, 'attributes'),
      problems: span.problems.map(problem => this.text(problem, 'problems')),
    };
  }

  private attributes(attributes: ExactAttributes): ExactAttributes {
    const clean: Record<string, ExactJson> = Object.create(null);
    for (const [key, value] of Object.entries(attributes)) {
      const name = freeIn(clean, this.text(key, 'attribute names'));
      const place = name.replace(/(?<=\.)\d+(?=\.|$)/g, '*');
      clean[name] =
        typeof value === 'string' && ID_KEYS.includes(key) && !WHO_NAME.test(key)
          ? this.id(value, place)
          : this.named(key, value, place, 0);
    }
    return clean;
  }

  /** Strings of one of our own records, at any depth. Ids stay links; a text that was cut may contain half a secret. */
  record<T extends object>(record: T): T {
    const clean = (key: string, value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(item => clean(key, item));
      if (value !== null && typeof value === 'object')
        return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, clean(name, item)]));
      if (typeof value !== 'string' || OWN_WORDS.test(key)) return value;
      if (this.hidesWho && (key === 'userId' || key === 'sessionId'))
        return this.who(key === 'userId' ? 'user' : 'session', value, key);
      if (/^(run|trace|span|parentSpan)Id$|^drawnUnder$/.test(key)) return this.id(value, key);
      return withoutCutEnds(this.text(value, key));
    };
    return clean('', record) as T;
  }

  /** An id that links rows stays unchanged, unless it contains something that must be removed. */
  id(id: string, place: string): string {
    if (/^[0-9a-f-]*$/i.test(id)) return id;
    const [first] = this.find(id);
    if (!first) return id;
    this.report.add(first.detector, place);
    return this.pseudonyms.of('id', id);
  }

  /** @param place where the text is, for the report */
  text(text: string, place: string): string {
    if (text === '') return text;
    if (isRedacted(text)) {
      this.report.takenOut++;
      return text;
    }
    if (text.length > LONGEST_TEXT) {
      this.report.add('too-long', place);
      return '[redacted:too-long]';
    }
    const found = this.find(text);
    if (found.length === 0) return text;
    let clean = '';
    let at = 0;
    for (const {from, to, by, detector} of found) {
      this.report.add(detector, place);
      clean += text.slice(at, from) + by;
      at = to;
    }
    return clean + text.slice(at);
  }

  /** A value under its name, which may tell what it is. */
  named(name: string, value: ExactJson, place: string, depth: number): ExactJson {
    if (typeof value === 'string') {
      const who = this.hidesWho ? WHO_NAME.exec(name)?.[1]?.toLowerCase() : undefined;
      if (who !== undefined && value !== '' && !NOBODY.test(value)) return this.who(who as Who, value, place);
      if (this.detectors[0]?.finds === 'secrets' && isSecretNamed(name, value)) {
        this.report.add('secret-value', place);
        return '[redacted:secret-value]';
      }
      return this.text(value, place);
    }
    if (value instanceof NumberText) {
      // A card number, stored as a number.
      if (!/^\d{9,19}$/.test(value.text)) return value;
      const clean = this.text(value.text, place);
      return clean === value.text ? value : clean;
    }
    if (value === null || typeof value !== 'object') return value;
    if (depth >= DEEPEST) {
      const whole = exactJson(value);
      const clean = this.text(whole, place);
      return clean === whole ? value : clean;
    }
    if (Array.isArray(value)) return value.map(item => this.named(name, item, place, depth + 1));
    const clean: {[key: string]: ExactJson} = Object.create(null);
    for (const [key, item] of Object.entries(value))
      clean[freeIn(clean, this.text(key, place))] = this.named(key, item, place, depth + 1);
    return clean;
  }

  private who(who: Who, id: string, place: string): string {
    this.report.add(`${who}-id`, place);
    return this.pseudonyms.of(who, id);
  }

  /** What is to be replaced, in order, none inside another. */
  private find(text: string): Replacement[] {
    const found: Replacement[] = [];
    let view = text;
    let stood: Unescaped | null = null;
    for (let level = 0; level < MOST_LEVELS; level++) {
      const add = (match: Match, by: string, detector: string, rank: number) => {
        const {from, to} = withoutEscape(view, match);
        found.push(
          stood === null
            ? {from, to, by, detector, rank}
            : {from: stood.starts[from]!, to: stood.ends[to - 1]!, by, detector, rank},
        );
      };
      for (const [rank, {name, finds, hint, find}] of this.detectors.entries())
        if (hint.test(view))
          for (const match of find(view))
            add(finds === 'secrets' ? withLinesBelow(view, match) : match, `[redacted:${name}]`, name, rank);
      if (this.hidesWho)
        for (const match of this.findWho(view))
          add(match, this.pseudonyms.of(match.who, match.id), `${match.who}-id`, this.detectors.length);
      const next = unescaped(view);
      if (!next) break;
      if (stood !== null)
        for (let i = 0; i < next.starts.length; i++) {
          next.starts[i] = stood.starts[next.starts[i]!]!;
          next.ends[i] = stood.ends[next.ends[i]! - 1]!;
        }
      stood = next;
      view = next.text;
    }
    return found.length < 2 ? found : merged(found);
  }

  private *findWho(text: string): Generator<Match & {who: Who; id: string}> {
    for (const match of text.matchAll(WHO_IN_TEXT)) {
      const id = match.groups!.found!;
      const to = match.index + match[0].length;
      if (!NOBODY.test(id)) yield {from: to - id.length, to, who: match[1]!.toLowerCase() as Who, id};
    }
    for (const [id, who] of this.known) {
      for (let at = text.indexOf(id); at >= 0; at = text.indexOf(id, at + id.length)) {
        const isWord = !isWordChar(text[at - 1]) && !isWordChar(text[at + id.length]);
        if (isWord) yield {from: at, to: at + id.length, who, id};
      }
    }
  }
}

/** The letter of an escape, as in `\\nbob@…`, however often it was encoded, is no part of what it stands before. */
const withoutEscape = (text: string, {from, to}: Match): Match =>
  text[from - 1] === '\\' && 'nrtbf'.includes(text[from]!) && to > from + 1 ? {from: from + 1, to} : {from, to};

const SHORTEST_WRAPPED = 20;
/** Lines that hold nothing but the rest of something long, quoted by a mail or not. */
const LINES_BELOW = /(?:\r?\n[ \t>|]{0,8}[\w+/=.-]{16,200}(?=\r?\n|$|[ \t]*["'`]))+/y;

/** A key that was broken where a line was full. */
function withLinesBelow(text: string, match: Match): Match {
  const {from, to} = match;
  if (to - from < SHORTEST_WRAPPED || (text[to] !== '\n' && text[to] !== '\r')) return match;
  LINES_BELOW.lastIndex = to;
  const below = LINES_BELOW.exec(text)?.[0];
  return below === undefined || !/\d/.test(below) || isWords(below.trim()) ? match : {from, to: to + below.length};
}

const isWordChar = (char: string | undefined): boolean => char !== undefined && /[\p{L}\p{N}_]/u.test(char);

/** Overlapping matches are merged into one, named by the first. */
function merged(found: readonly Replacement[]): Replacement[] {
  const sorted = [...found].sort((a, b) => a.from - b.from || b.to - a.to || a.rank - b.rank);
  const kept: Replacement[] = [];
  for (const item of sorted) {
    const last = kept.at(-1);
    if (last && item.from < last.to) last.to = Math.max(last.to, item.to);
    else kept.push({...item});
  }
  return kept;
}

/** Reasons quote the first 200 characters of an error: if a secret was cut, the rest of it is no longer recognised. */
function withoutCutEnds(text: string): string {
  return text.replace(/.{0,64}…/g, '…');
}
