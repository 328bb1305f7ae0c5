import {expect} from 'vitest';
import {DISK, type Disk} from '../src/archive/disk.ts';
import {EXIT, UserError} from '../src/errors.ts';
import {Sql} from '../src/sql/sql.ts';
import type {Changes, Transaction} from '../src/store/changes.ts';
import {CommitError} from '../src/store/commit-error.ts';
import {replacing, type Store} from '../src/store/store.ts';
import {IS_LONG} from './long.ts';

/** A call by its name, and the how manieth of that name it is: how many there are in all depends on how fast a machine is. */
export interface Call {
  readonly name: string;
  readonly nth: number;
}

/** Names every statement, commit, write and sync of a run, and lets one of them fail. */
export class Faults {
  readonly calls: Call[] = [];
  private readonly counts = new Map<string, number>();

  constructor(private readonly failing: Call | null = null) {}

  /** @returns true for the call that has to fail */
  next(name: string): boolean {
    const nth = (this.counts.get(name) ?? 0) + 1;
    this.counts.set(name, nth);
    this.calls.push({name, nth});
    return name === this.failing?.name && nth === this.failing.nth;
  }

  /** False when this run had no such call. */
  get hasFailed(): boolean {
    return this.failing !== null && (this.counts.get(this.failing.name) ?? 0) >= this.failing.nth;
  }
}

interface Sweep<Place> {
  /** Names of calls that it must have: a sweep that met nothing would say that all is well. */
  readonly meets: readonly string[];
  /** A new database in the state that it begins from. */
  readonly open: () => Promise<Place>;
  /** @returns what failed, null: nothing */
  readonly run: (place: Place, faults: Faults) => Promise<unknown>;
  /** What holds after each failure. */
  readonly expectWhole: (place: Place, call: string) => Promise<void>;
  /** What holds when all is done. */
  readonly expectDone: (place: Place, call: string) => Promise<void>;
}

/**
 * Lets calls fail in their turn: in the long suite each, in a database of its own, in which a second run then finishes. In check
 * the first of each name, which every run has; the second run is the one in which the next of them fails: that it comes to it
 * says that what lies before it is in order, and the last one finishes.
 *
 * @param whole a run without failures
 */
export async function sweep<Place>({calls}: Faults, {meets, open, run, expectWhole, expectDone}: Sweep<Place>) {
  expect(calls.map(({name}) => name)).toEqual(expect.arrayContaining([...meets]));
  const swept = IS_LONG ? calls : calls.filter(({nth}) => nth === 1);
  let place: Place | null = null;
  for (const failing of swept) {
    const call = `${failing.name} ${failing.nth}`;
    const isSecond = place !== null;
    place ??= await open();
    let faults = new Faults(failing);
    let failure = await run(place, faults);
    if (isSecond && !faults.hasFailed) {
      // Nothing that calls it was left to do.
      expect(failure, `before ${call}`).toBe(null);
      await expectDone(place, `before ${call}`);
      place = await open();
      faults = new Faults(failing);
      failure = await run(place, faults);
    }
    expect(failure !== null, call).toBe(faults.hasFailed);
    expect(IS_LONG || faults.hasFailed, call).toBe(true);
    await expectWhole(place, call);
    if (!IS_LONG && failing !== swept.at(-1)) continue;
    expect(await run(place, new Faults()), `after ${call}`).toBe(null);
    await expectDone(place, `after ${call}`);
    place = null;
  }
}

/** The first two words of a statement. */
function wordsOf(statement: Sql | string | undefined): string {
  const text =
    statement instanceof Sql ? statement.pieces.map(piece => ('text' in piece ? piece.text : ' ')).join('') : statement;
  return text?.trim().split(/\s+/, 2).join(' ').toLowerCase() ?? '';
}

export const broken = () => new UserError(EXIT.unreachable, 'the connection broke off (made by the test)');
const diskFull = () => Object.assign(new Error('ENOSPC (made by the test)'), {code: 'ENOSPC'});

/** `work`, or the failure instead of it. */
function guarded<Args extends [(Sql | string)?, ...unknown[]], Result>(
  faults: Faults,
  name: string,
  work: (...args: Args) => Promise<Result>,
) {
  return async (...args: Args): Promise<Result> => {
    if (faults.next(`${name} ${wordsOf(args[0])}`.trimEnd())) throw broken();
    return work(...args);
  };
}

/** The real database; a statement fails before it is sent, a commit before it took place or after it. */
export function failingChanges(changes: Changes, faults: Faults): Changes {
  const failingTransaction = (transaction: Transaction): Transaction => ({
    all: guarded(faults, 'read', transaction.all.bind(transaction)) as Transaction['all'],
    exactly: guarded(faults, 'exact', transaction.exactly.bind(transaction)),
    run: guarded(faults, 'run', transaction.run.bind(transaction)),
    send: guarded(faults, 'send', transaction.send.bind(transaction)),
  });
  return {
    dialect: changes.dialect,
    label: changes.label,
    exclude: () => changes.exclude(),
    all: guarded(faults, 'read before', changes.all.bind(changes)) as Changes['all'],
    transaction: async (limits, work) => {
      if (faults.next('begin')) throw broken();
      const result = await changes.transaction(limits, async transaction => {
        const done = await work(failingTransaction(transaction));
        if (faults.next('commit')) throw broken();
        return done;
      });
      // It took place, and nobody was told.
      if (faults.next('committed')) throw new CommitError(broken());
      return result;
    },
    // A look at how far a statement is: how often there is one differs from run to run.
    watch: query => changes.watch(query),
    tidy: guarded(faults, 'tidy', () => changes.tidy()),
    // Nobody writes beside: what it does is done, and its wait is over at once.
    giveWay: async heldMs => {
      if (faults.next('give way')) throw broken();
      return changes.giveWay(heldMs, AbortSignal.abort());
    },
    alone: async (statement, limits) => {
      if (faults.next(`alone ${wordsOf(statement)}`)) throw broken();
      await changes.alone(statement, limits);
      if (faults.next(`after ${wordsOf(statement)}`)) throw broken();
    },
    close: () => changes.close(),
  };
}

/** The real store; a read fails before it is sent. */
export function failingStore(store: Store, faults: Faults): Store {
  return replacing(store, {all: guarded(faults, 'look', store.all.bind(store)) as Store['all']});
}

/** The real disk; a write fails with half of its bytes written. */
export function failingDisk(faults: Faults): Disk {
  const guardedDisk =
    <Args extends unknown[], Result>(name: string, work: (...args: Args) => Result) =>
    (...args: Args): Result => {
      if (faults.next(name)) throw diskFull();
      return work(...args);
    };
  return {
    ...DISK,
    create: guardedDisk('create', DISK.create),
    reopen: guardedDisk('reopen', DISK.reopen),
    write: (handle, bytes, at) => {
      if (!faults.next('write')) return DISK.write(handle, bytes, at);
      DISK.write(handle, bytes.subarray(0, bytes.length / 2), at);
      throw diskFull();
    },
    sync: guardedDisk('sync', DISK.sync),
    truncate: guardedDisk('truncate', DISK.truncate),
    rename: guardedDisk('rename', DISK.rename),
  };
}
