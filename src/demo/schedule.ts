import {type Performance, type PlannedSpan, perform} from './performance.ts';
import type {Scene} from './scenes.ts';
import {Ids, mulberry32} from './synthesize.ts';

export interface ScheduleOptions {
  readonly scenes: readonly Scene[];
  /** 2: everything takes half of its recorded time. */
  readonly speed: number;
  /** A different seed gives a different order; ids are new each time. */
  readonly seed: number;
  /** Only conversations that end before this are begun; null: no end. */
  readonly untilMicros: number | null;
}

/** Played first, one after the other: they show a follower's features best. */
const OPENING = ['tool-error', 'workflow', 'http-stream', 'team-human-in-the-loop', 'model-error', 'team-member-error'];
/** With the lengths of the recorded conversations, about five run at a time. */
const SCENE_EVERY_MICROS = 2_000_000;
/** How often a dashboard polls. */
const POLL_EVERY_MICROS = 3_000_000;

/**
 * Decides what is played when: an endless sequence of conversations, a dashboard's requests in between, and their
 * spans.
 */
export class Schedule {
  private readonly random: () => number;
  /** Never repeatable: a database may have been played into before. */
  private readonly ids = new Ids(Math.random);
  private readonly conversations: readonly Scene[];
  private readonly poll: Scene | undefined;
  private deck: Scene[];
  private conversationAt = 0;
  private pollAt = 0;
  /** Sorted by the time of their export. */
  private planned: PlannedSpan[] = [];

  constructor(private readonly options: ScheduleOptions) {
    this.random = mulberry32(options.seed);
    this.conversations = options.scenes.filter(scene => !scene.isTraffic);
    this.poll = options.scenes.find(scene => scene.isTraffic);
    const opening = OPENING.flatMap(name => this.conversations.find(({session}) => session === name) ?? []);
    this.deck = [...opening, ...this.shuffled().filter(scene => !opening.includes(scene))];
  }

  /** When the next action is due, microseconds since 1970; null: never again. */
  next(): number | null {
    const at = Math.min(this.conversationAt, this.pollAt, this.planned[0]?.dueMicros ?? Number.POSITIVE_INFINITY);
    return at === Number.POSITIVE_INFINITY ? null : at;
  }

  /** Begins everything that is due by now, and returns the conversations among it. */
  begin(nowMicros: number): Performance[] {
    const begun: Performance[] = [];
    if (this.conversationAt <= nowMicros) {
      const scene = this.draw(nowMicros);
      if (scene) begun.push(this.perform(scene, nowMicros));
      // Counted from now, not from the due time: a laptop that slept must not begin hundreds at once.
      const pause = (SCENE_EVERY_MICROS * (0.5 + this.random())) / this.options.speed;
      this.conversationAt = scene ? nowMicros + pause : Number.POSITIVE_INFINITY;
    }
    if (this.pollAt <= nowMicros) {
      const fits = this.poll && this.fits(this.poll, nowMicros);
      if (fits) this.perform(this.poll, nowMicros);
      this.pollAt = fits ? nowMicros + POLL_EVERY_MICROS / this.options.speed : Number.POSITIVE_INFINITY;
    }
    return begun;
  }

  /** Takes the next span to export, if its time has come. */
  due(nowMicros: number): PlannedSpan | undefined {
    return this.planned[0] && this.planned[0].dueMicros <= nowMicros ? this.planned.shift() : undefined;
  }

  /** Spans that have started and are not exported yet, children before their parents. */
  openAt(nowMicros: number): PlannedSpan[] {
    return this.planned.filter(span => span.startMicros <= nowMicros);
  }

  private perform(scene: Scene, atMicros: number): Performance {
    const performance = perform(scene, {ids: this.ids, atMicros, speed: this.options.speed});
    this.planned = [...this.planned, ...performance.spans].sort((a, b) => a.dueMicros - b.dueMicros);
    return performance;
  }

  /** The next conversation that ends in time; each is chosen once before any is repeated. */
  private draw(nowMicros: number): Scene | null {
    for (const isLast of [false, true]) {
      const at = this.deck.findIndex(scene => this.fits(scene, nowMicros));
      if (at >= 0) return this.deck.splice(at, 1)[0]!;
      if (!isLast) this.deck = this.shuffled();
    }
    return null;
  }

  private fits({lengthMicros}: Scene, nowMicros: number): boolean {
    const {untilMicros, speed} = this.options;
    return untilMicros === null || nowMicros + lengthMicros / speed <= untilMicros;
  }

  private shuffled(): Scene[] {
    const keyed = this.conversations.map(scene => ({scene, key: this.random()}));
    return keyed.sort((a, b) => a.key - b.key).map(({scene}) => scene);
  }
}
