import {beforeAll, describe, expect, it} from 'vitest';
import {trusted} from '../../src/text/safe.ts';
import {actionOf, KEYS, type KeyRow} from '../../src/tui/keys.ts';
import {overlayRows} from '../../src/tui/overlay.ts';
import {press} from '../../src/tui/press.ts';
import {FIRST_RUNS_STATE, orderedRuns} from '../../src/tui/runs/state.ts';
import {type Effect, FIRST_STATE, reduce, type ScreenState} from '../../src/tui/state.ts';
import {selectedSpan, settle, type World, wantsOlderRuns} from '../../src/tui/world.ts';
import {linesOf, openWorlds, pressed, type Worlds} from './worlds.ts';

let snapshot: Worlds['snapshot'];
let failed: Worlds['failed'];
let contents: Worlds['contents'];
let world: Worlds['world'];
beforeAll(async () => {
  ({snapshot, failed, contents, world} = await openWorlds());
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
    // Whatever it means.
    for (const key of ['k', 't', '?', 'x']) expect(pressed(last, first, key).runs.seeking).toBeNull();
    // It is said as long as it is so, and what came of it.
    const entered = pressed(FIRST_STATE, first, '/', 'Q', 'Q', 'enter');
    expect(linesOf(entered, first).at(-2)).toBe(' reading on …');
    expect(linesOf(entered, all).at(-2)).toBe(' no match');
    expect(linesOf(last, first).at(-2)).toBe(' reading on …');
    expect(linesOf(last, all).at(-2)).not.toContain('reading on');
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

  it('C chooses the columns of the list, those named first being there first', () => {
    const chosen = pressed(FIRST_STATE, world(), 'C', '^u', ...'cost, Model who', 'enter');
    expect(chosen.runs.columns).toEqual(['cost', 'model', 'who']);
    expect(linesOf(pressed(chosen, world(), '2'), world())[2]).toMatch(/^ STATE +COST MODEL +│/);
    const wide = world({}, {size: {columns: 80, rows: 24}});
    expect(linesOf(chosen, wide)[2]).toMatch(/^ STATE +COST MODEL +WHO/);
    const asking = pressed(chosen, wide, 'C');
    expect(linesOf(asking, wide).slice(-2)).toEqual([
      expect.stringMatching(/^choose from started who user .*…$/),
      'columns: cost model who▏',
    ]);
    const refused = pressed(asking, wide, 'space', ...'price', 'enter');
    expect(linesOf(refused, wide).slice(-3)).toEqual([
      expect.stringContaining('there is no column "price"; there are started,'),
      'columns: cost model who price▏',
      `${' '.repeat('columns: cost model who '.length)}^`,
    ]);
    expect(refused.runs.columns).toEqual(chosen.runs.columns);
    expect(pressed(asking, wide, '^u', 'enter').runs.columns).toBeNull();
  });

  it('o sorts what was read, the cursor on the same run; s asks for the runs of its session', () => {
    const state = pressed(FIRST_STATE, world(), 'j', 'j', 'o', 'o');
    expect(state.message).toBe(`longest first, of the ${snapshot.runs.length} runs read so far`);
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
    const asks = asked.effects[0] as Effect & {type: 'page'};
    const read = reduce(asked, {type: 'page', wanted: asks.wanted, answer: {lines: [trusted('said')]}});
    expect(linesOf(read.state, world())[2]).toBe('said');
    const failing = reduce(asked, {type: 'page', wanted: asks.wanted, answer: {problem: trusted('it is gone')}});
    expect([failing.state.overlay, failing.state.message]).toEqual([null, 'it is gone']);
    expect(press(settled, {name: 'D'}, world()).state.message).toBe('mark two runs with m first');
    const marked = pressed(FIRST_STATE, world(), 'm', 'j');
    expect(press(marked, {name: 'D'}, world()).effects).toMatchObject([
      {wanted: {kind: 'diff', runs: [first, second]}},
    ]);
    expect(pressed(marked, world(), 'm', 'j', 'm').runs.marked).toEqual(snapshot.runs.slice(1, 3).map(({key}) => key));
    expect(pressed(marked, world(), 'k', 'm').runs.marked).toEqual([]);
  });

  it('a page that comes late is not taken for the one that is waited for', () => {
    const first = press(settle(FIRST_STATE, world()), {name: 'T'}, world());
    const {wanted} = first.effects[0] as Effect & {type: 'page'};
    const second = press(pressed(first.state, world(), 'escape', 'j'), {name: 'T'}, world());
    for (const answer of [{lines: [trusted('of another run')]}, {problem: trusted('of another run')}])
      expect(reduce(second, {type: 'page', wanted, answer}).state).toBe(second.state);
  });

  it('scroll a page to its end, with a note below it too', () => {
    for (const notices of [[], ['a notice']]) {
      const shown = world({notices}, {size: {columns: 80, rows: 15}});
      const top = pressed(FIRST_STATE, shown, '?');
      const first = linesOf(top, shown).slice(2, notices.length === 0 ? -1 : -2);
      const next = linesOf(pressed(top, shown, 'pagedown'), shown)[2];
      const whole = overlayRows(top.overlay!, top, shown).map(row => row.trimEnd());
      expect(first).toEqual(whole.slice(0, first.length));
      expect(next).toBe(whole[first.length]);
      const last = linesOf(pressed(top, shown, 'end'), shown);
      expect(last.at(notices.length === 0 ? -2 : -3)).toBe(whole.at(-1));
    }
  });

  it('typed at once after a filter go to what they open, and a refusal brings the filter back', () => {
    const asked = pressed(FIRST_STATE, world(), 'F', 'x', 'enter', '/', 'C', 'a', 'r');
    expect([asked.prompt?.kind, asked.runs.search]).toEqual(['search', 'Car']);
    const back = pressed(asked, world(), 'escape');
    expect([back.prompt, back.runs.search]).toEqual([null, '']);
    const refused = reduce(
      {state: asked, effects: []},
      {type: 'refused', text: 'x', error: {message: 'not known', place: {text: 'x', at: 0}}},
    ).state;
    expect(linesOf(refused, world()).slice(-3)).toEqual(['not known', 'filter: x▏', '        ^']);
    expect(pressed(refused, world(), 'escape').runs.search).toBe('Car');
  });

  it('of the help are marked where they mean nothing', () => {
    const shown = world({}, {size: {columns: 80, rows: 90}});
    const unmarked = (state: ScreenState, other: World) =>
      KEYS.filter(({does}) => linesOf(pressed(state, other, '?'), other).some(text => text.endsWith(does))).map(
        ({action}) => action as string,
      );
    const here = unmarked(FIRST_STATE, shown);
    expect(here).toEqual(expect.arrayContaining(['transcript', 'mark', 'session']));
    for (const action of ['diff', 'pager', 'editor']) expect(here).not.toContain(action);
    expect(unmarked(pressed(FIRST_STATE, shown, 'm', 'j'), shown)).toContain('diff');
    const none = unmarked(FIRST_STATE, world({runs: []}, {size: {columns: 80, rows: 90}}));
    for (const action of ['transcript', 'mark', 'session', 'diff']) expect(none).not.toContain(action);
  });

  it('O and ^O hand the whole span on once it is read', () => {
    const key = snapshot.runs[0]!.key;
    const shown = world({opened: {key, parts: failed, failure: null}});
    const state = pressed(FIRST_STATE, shown, '3');
    expect(press(state, {name: 'O'}, shown).state.message).toContain('open a span first');
    const node = selectedSpan(state, shown)!.row.node;
    const read = {...shown, contents: new Map([[node.id, {state: 'here', span: contents.get(node.id)!}]])} as World;
    const [effect] = press(state, {name: '^o'}, read).effects;
    const [unread] = press(
      pressed(FIRST_STATE, world({opened: null}), '2'),
      {name: 'y'},
      world({opened: null}),
    ).effects;
    expect(unread).toEqual({type: 'copy', text: snapshot.runs[0]!.judged.record.runId});
    expect(effect).toMatchObject({type: 'read', in: 'editor', text: expect.stringContaining(node.id)});
  });

  it('say when there is nothing to go to', () => {
    const shown = world({runs: snapshot.runs.filter(({judged}) => judged.record.state !== 'error')});
    expect(pressed(FIRST_STATE, shown, 'e').message).toBe('no other error here');
    expect(pressed(FIRST_STATE, shown, 'e', 'j').message).toBeNull();
    expect(pressed({...FIRST_STATE, runs: {...FIRST_RUNS_STATE, search: 'zz'}}, shown, 'n').message).toContain('match');
  });
});
