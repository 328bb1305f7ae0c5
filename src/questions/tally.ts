import type {Cell} from '../table/table.ts';
import type {QuestionInput} from './question.ts';

interface Counted {
  errors: number;
  /** How often each duration came, ms: they are whole milliseconds and repeat, so a million spans are a few thousand. */
  readonly times: Map<number, number>;
}

/** Calls, failures and times by name, as `slowest.ts` figures them in SQL. */
export class Tally {
  private readonly named = new Map<string, Counted>();

  add(name: string, ms: number, isError: boolean): void {
    const counted = this.named.get(name) ?? {errors: 0, times: new Map<number, number>()};
    this.named.set(name, counted);
    if (isError) counted.errors++;
    counted.times.set(ms, (counted.times.get(ms) ?? 0) + 1);
  }

  rows({sort, limit}: Pick<QuestionInput, 'sort' | 'limit'>): Record<string, Cell>[] {
    const rows = [...this.named].map(([name, counted]) => figuresOf(name, counted));
    const sign = sort.descending ? -1 : 1;
    rows.sort((a, b) => sign * compare(a[sort.column]!, b[sort.column]!) || compare(a.name, b.name));
    return limit === 0 ? rows : rows.slice(0, limit);
  }
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function figuresOf(name: string, {errors, times}: Counted) {
  const sorted = [...times].sort(([a], [b]) => a - b);
  const calls = sorted.reduce((sum, [, count]) => sum + count, 0);
  const totalMs = sorted.reduce((sum, [ms, count]) => sum + ms * count, 0);
  const figures = {
    name,
    calls,
    errors,
    avgMs: totalMs / calls,
    p50Ms: percentile(sorted, calls, 0.5),
    p95Ms: percentile(sorted, calls, 0.95),
    p99Ms: percentile(sorted, calls, 0.99),
    maxMs: sorted.at(-1)![0],
    totalMs,
  };
  return figures as typeof figures & Record<string, string | number>;
}

/** Interpolated, as Postgres' percentile_cont. */
function percentile(sorted: readonly (readonly [number, number])[], calls: number, fraction: number): number {
  const place = fraction * (calls - 1);
  const at = (wanted: number): number => {
    let upTo = 0;
    for (const [ms, count] of sorted) {
      upTo += count;
      if (upTo > wanted) return ms;
    }
    return sorted.at(-1)![0];
  };
  const [below, above] = [at(Math.floor(place)), at(Math.ceil(place))];
  return below + (above - below) * (place - Math.floor(place));
}
