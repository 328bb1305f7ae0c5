import {DISK, type Disk} from '../src/archive/disk.ts';
import {EXIT, UserError} from '../src/errors.ts';
import type {Changes, Transaction} from '../src/store/changes.ts';
import {CommitError} from '../src/store/commit-error.ts';
import {replacing, type Store} from '../src/store/store.ts';

/** Every so many of the calls of a sweep fails in its turn; each of them in the long form (npm run loops). */
export const STEP = Number(process.env.FAULT_STEP ?? 4);

/** Counts every statement, commit, write and sync of a run, and lets one of them fail. */
export class Faults {
  calls = 0;
  constructor(private readonly failing: number) {}

  /** @returns true for the call that has to fail */
  next(): boolean {
    this.calls++;
    return this.calls === this.failing;
  }
}

export const broken = () => new UserError(EXIT.unreachable, 'the connection broke off (made by the test)');
const diskFull = () => Object.assign(new Error('ENOSPC (made by the test)'), {code: 'ENOSPC'});

/** `work`, or the failure instead of it. */
function guarded<Args extends unknown[], Result>(faults: Faults, work: (...args: Args) => Promise<Result>) {
  return async (...args: Args): Promise<Result> => {
    if (faults.next()) throw broken();
    return work(...args);
  };
}

/** The real database; a statement fails before it is sent, a commit before it took place or after it. */
export function failingChanges(changes: Changes, faults: Faults): Changes {
  const failingTransaction = (transaction: Transaction): Transaction => ({
    all: guarded(faults, transaction.all.bind(transaction)) as Transaction['all'],
    exactly: guarded(faults, transaction.exactly.bind(transaction)),
    run: guarded(faults, transaction.run.bind(transaction)),
    send: guarded(faults, transaction.send.bind(transaction)),
  });
  return {
    dialect: changes.dialect,
    label: changes.label,
    exclude: () => changes.exclude(),
    all: guarded(faults, changes.all.bind(changes)) as Changes['all'],
    transaction: async (limits, work) => {
      if (faults.next()) throw broken();
      const result = await changes.transaction(limits, async transaction => {
        const done = await work(failingTransaction(transaction));
        if (faults.next()) throw broken();
        return done;
      });
      // It took place, and nobody was told.
      if (faults.next()) throw new CommitError(broken());
      return result;
    },
    // A look at how far a statement is: how often there is one differs from run to run.
    watch: query => changes.watch(query),
    tidy: guarded(faults, changes.tidy.bind(changes)),
    giveWay: guarded(faults, changes.giveWay.bind(changes)),
    alone: async (statement, limits) => {
      if (faults.next()) throw broken();
      await changes.alone(statement, limits);
      if (faults.next()) throw broken();
    },
    close: () => changes.close(),
  };
}

/** The real store; a read fails before it is sent. */
export function failingStore(store: Store, faults: Faults): Store {
  return replacing(store, {all: guarded(faults, store.all.bind(store)) as Store['all']});
}

/** The real disk; a write fails with half of its bytes written. */
export function failingDisk(faults: Faults): Disk {
  const guardedDisk =
    <Args extends unknown[], Result>(work: (...args: Args) => Result) =>
    (...args: Args): Result => {
      if (faults.next()) throw diskFull();
      return work(...args);
    };
  return {
    ...DISK,
    create: guardedDisk(DISK.create),
    reopen: guardedDisk(DISK.reopen),
    write: (handle, bytes, at) => {
      if (!faults.next()) return DISK.write(handle, bytes, at);
      DISK.write(handle, bytes.subarray(0, bytes.length / 2), at);
      throw diskFull();
    },
    sync: guardedDisk(DISK.sync),
    truncate: guardedDisk(DISK.truncate),
    rename: guardedDisk(DISK.rename),
  };
}
