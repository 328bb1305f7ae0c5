import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {own, safe} from '../../src/text/safe.ts';
import {width} from '../../src/text/width.ts';
import {actionOf, KEYS, type KeyRow} from '../../src/tui/keys.ts';
import {arrange, PANE_NAMES, SMALLEST} from '../../src/tui/layout.ts';
import {FIRST_RUNS_STATE, orderedRuns} from '../../src/tui/runs/state.ts';
import {isSameSnapshot, type Snapshot} from '../../src/tui/source.ts';
import {FIRST_STATE, press, reduce, type ScreenState} from '../../src/tui/state.ts';
import {tickOf} from '../../src/tui/tick.ts';
import {selectedSpan, settle, type World, wantsOlderRuns} from '../../src/tui/world.ts';
import {sqliteCopy} from '../fixtures.ts';
import {drawn} from './drawn.tsx';
import {loaded, NOW_MICROS, openHistory} from './history.ts';
import {type Picture, picture} from './panes.ts';

let opened: Awaited<ReturnType<typeof openHistory>>;
/** The runs that were going on at the moment the fixture's last tenth was written. */
let snapshot: Snapshot;

/** A run whose model call failed, and what its spans hold. */
let failed: Picture['parts'];
let contents: Picture['contents'];

beforeAll(async () => {
  ({parts: failed, contents} = await picture('agno-3.1.10-pictures.sqlite', 'model-error'));
  opened = await openHistory(sqliteCopy('agno-3.1.10-pictures.sqlite'));
  await loaded(opened.source);
  snapshot = opened.source.snapshot();
});
afterAll(() => opened.store.close());

function world(change: Partial<Snapshot> = {}, more: Partial<World> = {}): World {
  return {
    snapshot: {...snapshot, runsPerMinute: 3.14, lagMs: 210, hiddenTraffic: 38, ...change},
    isLive: true,
    contents: new Map(),
    size: {columns: 120, rows: 24},
    ascii: false,
    statements: () => [],
    ...more,
  };
}

function linesOf(state: ScreenState, shown: World): string[] {
  return drawn({name: 'shop@db.internal/ai', state: settle(state, shown), world: shown, nowMicros: NOW_MICROS});
}

function pressed(state: ScreenState, shown: World, ...names: string[]): ScreenState {
  return names.reduce((now, name) => settle(press(now, {name}, shown).state, shown), settle(state, shown));
}

describe('the header', () => {
  it('says whether what is shown is new, how late it is, and what is not shown', () => {
    expect(linesOf(FIRST_STATE, world())[0]).toMatch(
      /^ agno-trace shop@db.internal\/ai +● LIVE {2}42 runs {2}lag 210ms {2}3.1 runs\/min {2}38 polls hidden {2}3 loose parts$/,
    );
    expect(linesOf(pressed(FIRST_STATE, world(), 'j'), world())[0]).toContain('○ NOT FOLLOWING');
    expect(linesOf(FIRST_STATE, world({}, {isLive: false}))[0]).toContain('HISTORY');
  });

  it('keeps what was read while a connection is lost, and counts down to the next try', () => {
    const lost = world({
      connection: {
        state: 'reconnecting',
        reason: 'no Postgres answered at db:5432',
        retryAtMicros: NOW_MICROS + 2_100_000,
      },
    });
    const lines = linesOf(FIRST_STATE, lost);
    expect(lines[0]).toContain('◌ reconnecting in 3 s');
    expect(lines.at(-2)).toContain('! no Postgres answered at db:5432');
    expect(lines.join('\n')).toContain('Weather Age…');
    expect(tickOf(FIRST_STATE, lost, NOW_MICROS)).toBe(1_000_000);
    const waiting = world({connection: {state: 'waiting', reason: 'the tables do not exist yet'}, runs: []});
    expect(linesOf(FIRST_STATE, waiting)[0]).toContain('WAITING');
  });

  it('leaves figures out whole where there is no room, never the state', () => {
    const [header] = linesOf(FIRST_STATE, world({}, {size: {columns: 60, rows: 15}}));
    expect(header).toContain('● LIVE');
    expect(header).not.toContain('polls');
    expect(width(own(header!))).toBeLessThanOrEqual(60);
  });
});

const PLAIN = {focus: 'runs', hasNote: false, isZoomed: false} as const;

describe('a frame', () => {
  it('fits the terminal exactly, whatever its size, focus and state', () => {
    const states = PANE_NAMES.flatMap(focus => {
      const state = {...FIRST_STATE, focus};
      return [
        state,
        {...state, isZoomed: true},
        {...state, overlay: {kind: 'help' as const, top: 0, lines: null}},
        {...state, message: own('said')},
      ];
    });
    for (const columns of [60, 110, 160])
      for (const rows of [15, 30])
        for (const state of states) {
          const lines = linesOf(state, world({notices: ['x'.repeat(300)]}, {size: {columns, rows}}));
          expect(lines).toHaveLength(rows);
          for (const line of lines) expect(width(safe(line.replace(/\x1b\[\d+m/g, '')))).toBeLessThanOrEqual(columns);
        }
  });

  it('always shows the pane that keys go to', () => {
    for (const columns of [60, 109, 110, 200])
      for (const rows of [15, 29, 30, 60])
        for (const focus of PANE_NAMES) expect(arrange({columns, rows}, {...PLAIN, focus})?.[focus]).not.toBeNull();
    expect(arrange({...SMALLEST, rows: SMALLEST.rows - 1}, PLAIN)).toBeNull();
    expect(arrange({...SMALLEST, columns: SMALLEST.columns - 1}, PLAIN)).toBeNull();
  });

  it('says how many runs are new while the cursor is elsewhere, and how to go there', () => {
    const before = world({runs: snapshot.runs.slice(4)});
    const paused = pressed(FIRST_STATE, before, 'j', 'j');
    expect(linesOf(paused, world()).at(-1)).toMatch(/4 new ↑ G$/);
    expect(linesOf(pressed(paused, world(), 'G'), world()).at(-1)).not.toContain('new');
  });

  it('goes on with what runs once a second, and with nothing else', () => {
    expect(snapshot.runs.some(({judged}) => judged.record.state === 'running')).toBe(false);
    expect(tickOf(FIRST_STATE, world(), NOW_MICROS)).toBeNull();
    const running = snapshot.runs.map((run, i) =>
      i === 1 ? {...run, judged: {...run.judged, record: {...run.judged.record, state: 'running' as const}}} : run,
    );
    expect(tickOf(FIRST_STATE, world({runs: running}), NOW_MICROS)).toBe(1_000_000);
    // Ages in the list: by the second while the newest is young, then by the minute.
    const relative = pressed(FIRST_STATE, world(), 't');
    expect(tickOf(relative, world(), NOW_MICROS)).toBe(60_000_000);
  });
});

describe('the table of keys', () => {
  it('gives every key one meaning, and every action a key', () => {
    const keys = KEYS.flatMap(row => row.keys as readonly string[]);
    expect(new Set(keys).size).toBe(keys.length);
    for (const {action, keys: names} of KEYS) for (const name of names) expect(actionOf(name)).toBe(action);
  });

  it('is where the footer and the help come from', () => {
    const shown = world({}, {size: {columns: 120, rows: 60}});
    const help = linesOf(pressed(FIRST_STATE, shown, '?'), shown).join('\n');
    for (const {does} of KEYS) expect(help).toContain(does);
    const words = (KEYS as readonly KeyRow[]).flatMap(({brief}) => (brief ? [brief.join(' ')] : []));
    const footer = linesOf(FIRST_STATE, shown).at(-1)!.trim().split(/ {2,}/);
    expect(footer.length).toBeGreaterThanOrEqual(5);
    expect(footer.length).toBeLessThanOrEqual(7);
    for (const hint of footer) expect(words).toContain(hint);
  });
});

describe('keys', () => {
  it('Escape closes, then clears the search, then the filter; q goes up, then quits', () => {
    const shown = world({filter: 'agent:x'});
    let state = pressed(FIRST_STATE, shown, '/', 'C', 'a', 'r', 'enter', '?');
    const step = (name: string) => {
      const result = press(state, {name}, shown);
      state = settle(result.state, shown);
      return result.effects;
    };
    expect(step('escape')).toEqual([]);
    expect([state.overlay, state.runs.search]).toEqual([null, 'Car']);
    expect(step('escape')).toEqual([]);
    expect(state.runs.search).toBe('');
    expect(step('escape')).toEqual([{type: 'filter', text: ''}]);
    step('3');
    expect(step('q')).toEqual([]);
    expect(state.focus).toBe('tree');
    expect(step('q')).toEqual([]);
    expect(step('q')).toEqual([{type: 'quit'}]);
  });

  it('a search that is given up leaves the cursor where it was', () => {
    const state = pressed(FIRST_STATE, world(), 'j', 'j', '/', 'C', 'a', 'r');
    expect(state.runs.index).toBeGreaterThan(2);
    expect(pressed(state, world(), 'escape').runs).toMatchObject({index: 2, search: ''});
  });

  it('letters typed into a prompt are no commands, ^C always is one', () => {
    const state = pressed(FIRST_STATE, world(), 'F', 'q', '?', 'space', 'F');
    expect(state.prompt?.characters.join('')).toBe('q? F');
    expect(press(state, {name: '^c'}, world()).effects).toEqual([{type: 'quit'}]);
    expect(press(FIRST_STATE, {name: 'paste', pasted: 'q'}, world()).effects).toEqual([]);
  });

  it('z gives the pane all the room and takes it back', () => {
    const shown = world({}, {size: {columns: 120, rows: 40}});
    const alone = pressed(FIRST_STATE, shown, '2', 'z');
    expect(linesOf(alone, shown)[1]).toMatch(/^─ 1 runs ─\[2 run\]─ 3 span ─+$/);
    expect(linesOf(pressed(alone, shown, '1'), shown)[1]).toMatch(/^─\[1 runs\]─ 2 run /);
    expect(linesOf(pressed(alone, shown, 'z'), shown)).toEqual(linesOf(pressed(FIRST_STATE, shown, '2'), shown));
  });

  it('a search that finds nothing says so while it is typed and after', () => {
    const typing = pressed(FIRST_STATE, world(), '/', 'Q', 'Q');
    expect(linesOf(typing, world()).at(-1)).toBe('/QQ▏  no match');
    expect(pressed(typing, world(), 'enter').message).toBe('no match');
    expect(linesOf(pressed(FIRST_STATE, world(), '/', 'C', 'a', 'r'), world()).at(-1)).toBe('/Car▏');
  });

  it('a search, and G, read on where there is more, up to a bound and until the next key', () => {
    const first = world({runs: snapshot.runs.slice(0, 10), older: 'some'}, {isLive: false});
    const all = world({older: 'none'}, {isLive: false});
    const hit = snapshot.runs.findIndex(({judged}, i) => i > 10 && judged.record.name?.includes('Careful'));
    const typed = pressed(FIRST_STATE, first, '/', 'C', 'a', 'r', 'e', 'f', 'u', 'l');
    expect(linesOf(typed, first).at(-1)).toContain('reading on …');
    expect(wantsOlderRuns(typed, first)).toBe(true);
    expect(settle(typed, all).runs).toMatchObject({index: hit, seeking: null});
    const last = pressed(FIRST_STATE, first, 'G');
    expect(last.runs.index).toBe(9);
    expect(settle(last, all).runs).toMatchObject({index: snapshot.runs.length - 1, seeking: null});
    expect(pressed(last, first, 'k').runs.seeking).toBeNull();
  });

  it('e in the list leads to the span that failed', () => {
    const key = snapshot.runs.find(({judged}) => judged.record.state === 'error')!.key;
    const shown = world({}, {size: {columns: 120, rows: 40}});
    const state = pressed(FIRST_STATE, shown, 'e');
    expect([state.runs.cursorKey, state.failureOf]).toEqual([key, key]);
    const read = world({opened: {key, parts: failed, failure: null}}, {size: {columns: 120, rows: 40}});
    const settled = settle(state, read);
    expect(settled.failureOf).toBeNull();
    expect(selectedSpan(settled, read)!.row.record).toMatchObject({spanStatus: 'ERROR', kind: 'llm'});
  });

  it('a prompt recalls with the arrows what was typed into it before', () => {
    const before = pressed(FIRST_STATE, world(), '/', 'o', 'n', 'e', 'enter', '/', 't', 'w', 'o', 'enter', '/');
    const text = (...names: string[]) => pressed(before, world(), ...names).prompt!.characters.join('');
    expect([text('up'), text('up', 'up'), text('up', 'up', 'up'), text('up', 'up', 'down')]).toEqual([
      ...['two', 'one', 'one', 'two'],
    ]);
    expect(text('up', 'down')).toBe('');
  });

  it('o sorts what was read, the cursor on the same run; s asks for the runs of its session', () => {
    const state = pressed(FIRST_STATE, world(), 'j', 'j', 'o', 'o');
    expect(state.message).toBe(`longest first, of the ${snapshot.runs.length} runs that were read`);
    expect(state.runs.cursorKey).toBe(snapshot.runs[2]!.key);
    const times = orderedRuns(snapshot.runs, 'time').map(({judged}) => judged.record.durationMs ?? -1);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    const {sessionId} = snapshot.runs[0]!.judged.record;
    const settled = settle(FIRST_STATE, world());
    expect(press(settled, {name: 's'}, world()).effects).toEqual([{type: 'filter', text: `session:"${sessionId}"`}]);
  });

  it('T asks for the transcript, D for two marked runs or one and the run of the cursor', () => {
    const [first, second] = snapshot.runs.map(({judged}) => judged.record);
    const settled = settle(FIRST_STATE, world());
    const wanted = {kind: 'transcript', runs: [first], columns: 120};
    const asked = press(settled, {name: 'T'}, world());
    expect(asked.effects).toEqual([{type: 'page', wanted}]);
    expect(linesOf(asked.state, world()).slice(1, 3)).toEqual([
      expect.stringMatching(/^─\[transcript\]/),
      ' reading …',
    ]);
    const read = reduce(asked, {type: 'page', kind: 'transcript', lines: [own('said')]});
    expect(linesOf(read.state, world())[2]).toBe('said');
    expect(reduce(asked, {type: 'page', kind: 'diff', lines: [own('late')]}).state).toBe(asked.state);
    expect(press(settled, {name: 'D'}, world()).state.message).toBe('m marks the runs to compare');
    const marked = pressed(FIRST_STATE, world(), 'm', 'j');
    expect(press(marked, {name: 'D'}, world()).effects).toMatchObject([
      {wanted: {kind: 'diff', runs: [first, second]}},
    ]);
    expect(pressed(marked, world(), 'm', 'j', 'm').runs.marked).toEqual(snapshot.runs.slice(1, 3).map(({key}) => key));
    expect(pressed(marked, world(), 'k', 'm').runs.marked).toEqual([]);
  });

  it('O and ^O hand the whole span on once it is read', () => {
    const key = snapshot.runs[0]!.key;
    const shown = world({opened: {key, parts: failed, failure: null}});
    const state = pressed(FIRST_STATE, shown, '3');
    expect(press(state, {name: 'O'}, shown).state.message).toContain('no span is read here');
    const node = selectedSpan(state, shown)!.row.node;
    const read = {...shown, contents: new Map([[node.id, {state: 'here', span: contents.get(node.id)!}]])} as World;
    const [effect] = press(state, {name: '^o'}, read).effects;
    expect(effect).toMatchObject({type: 'read', in: 'editor', text: expect.stringContaining(node.id)});
  });

  it('say when there is nothing to go to', () => {
    const shown = world({runs: snapshot.runs.filter(({judged}) => judged.record.state !== 'error')});
    expect(pressed(FIRST_STATE, shown, 'e').message).toBe('no other error here');
    expect(pressed(FIRST_STATE, shown, 'e', 'j').message).toBeNull();
    expect(pressed({...FIRST_STATE, runs: {...FIRST_RUNS_STATE, search: 'zz'}}, shown, 'n').message).toContain('match');
  });
});

describe('snapshots', () => {
  it('that show the same are drawn once: a look that finds nothing, a rate that creeps', () => {
    const seen = {...snapshot, runsPerMinute: 3.14};
    expect(isSameSnapshot(seen, {...seen})).toBe(true);
    expect(isSameSnapshot(seen, {...seen, runsPerMinute: 3.12})).toBe(true);
    expect(isSameSnapshot(seen, {...seen, runsPerMinute: 3.21})).toBe(false);
    expect(isSameSnapshot(seen, {...seen, runsPerMinute: null})).toBe(false);
    expect(isSameSnapshot(seen, {...seen, runs: [...seen.runs]})).toBe(false);
    expect(isSameSnapshot(seen, {...seen, lagMs: 5})).toBe(false);
  });
});
