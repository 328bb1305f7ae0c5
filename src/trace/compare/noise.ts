import type {ShownRun} from '../drawn-spans.ts';
import {nodesOf} from '../record.ts';
import {isoTime, parseTime} from '../time.ts';

const TOKEN = /[A-Za-z0-9][A-Za-z0-9_-]{7,}/g;
/** Names that Agno gives to results that it keeps as files; they are new in every run (docs/agno.md, Values). */
const RESULT_ID = /^res_[0-9a-f]{6,}$/;
const MOMENT = /\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z\b|UTC\b|[+-]\d\d:?\d\d))?/g;
const DAY = /\b\d{4}-\d\d-\d\d\b/g;
const EPOCH = /\b[12]\d{9}(?:\d{3})?(?:\.\d+)?\b/g;
const QUARTER_MICROS = 15 * 60_000_000;
const SLACK_MICROS = 5_000_000;
const MINUTE_MICROS = 60_000_000;
const LONGEST_IN_ANY_ZONE_MICROS = 5 * 60_000_000;
const LONGEST_OFFSET_MICROS = 14 * 3_600_000_000;

/**
 * Parts of a run's texts that differ in every run and mean nothing: ids that were created for it, times during it,
 * its date. Other ids, times and dates are contents.
 */
export class Noise {
  private readonly ids = new Set<string>();
  private readonly odd: string[] = [];
  private from = Number.POSITIVE_INFINITY;
  private to = Number.NEGATIVE_INFINITY;
  private readonly days = new Set<string>();

  constructor(parts: readonly ShownRun[]) {
    for (const {judged} of parts) {
      const {run} = judged;
      this.add(run.traceId);
      this.add(run.runId);
      this.add(run.sessionId);
      for (const {id, span} of nodesOf(run)) {
        this.add(id);
        if (!span) continue;
        for (const value of [span.runId, span.sessionId, span.nodeId]) this.add(value);
        for (const {callId} of span.toolCalls) this.add(callId);
        if (span.startMicros !== null) this.from = Math.min(this.from, span.startMicros);
        const end = span.endMicros ?? span.startMicros;
        if (end !== null) this.to = Math.max(this.to, end);
      }
    }
    for (const micros of [this.from, this.to]) {
      const day = Number.isFinite(micros) ? isoTime(micros)?.slice(0, 10) : undefined;
      if (day) this.days.add(day);
    }
  }

  /** An id may be an ordinary word ("customers"); one with a digit, or one that a program generated, is not. */
  private add(id: string | null): void {
    if (id === null || id.length < 6 || !/\d/.test(id)) return;
    if (/^[A-Za-z0-9][A-Za-z0-9_-]{7,}$/.test(id)) this.ids.add(id);
    else this.odd.push(id);
  }

  /** `text` with each of them replaced by its type. */
  without(text: string): string {
    let out = text;
    for (const id of this.odd) if (out.includes(id)) out = out.replaceAll(id, '‹id›');
    out = out.replace(TOKEN, token => (this.ids.has(token) || RESULT_ID.test(token) ? '‹id›' : token));
    out = out.replace(MOMENT, moment => (this.isNow(moment) ? '‹time›' : moment));
    out = out.replace(DAY, day => (this.days.has(day) ? '‹day›' : day));
    return out.replace(EPOCH, number => (this.isEpochNow(number) ? '‹time›' : number));
  }

  /**
   * In any zone, because Python's own clock gives local time without a zone. For a long run only in UTC, or every
   * time would count as its own.
   */
  private isNow(text: string): boolean {
    const micros = parseTime(text.replace(/ (?=Z|UTC|[+-]\d)/, ''));
    if (micros === null || !Number.isFinite(this.from)) return false;
    const slack = /\d:\d\d:\d\d/.test(text) ? SLACK_MICROS : MINUTE_MICROS;
    const isWithin = (at: number) => at >= this.from - slack && at <= this.to + slack;
    if (isWithin(micros)) return true;
    if (this.to - this.from > LONGEST_IN_ANY_ZONE_MICROS) return false;
    const middle = (this.from + this.to) / 2;
    const offset = Math.round((micros - middle) / QUARTER_MICROS) * QUARTER_MICROS;
    return Math.abs(offset) <= LONGEST_OFFSET_MICROS && isWithin(micros - offset);
  }

  private isEpochNow(text: string): boolean {
    const value = Number(text);
    const micros = value >= 1e12 ? value * 1e3 : value * 1e6;
    return micros >= this.from - SLACK_MICROS && micros <= this.to + SLACK_MICROS;
  }
}
