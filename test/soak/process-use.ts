import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';

/** What a process uses, read from Linux's /proc. */
export class ProcessUse {
  private readonly samples: {atMs: number; rssMb: number; cpuMs: number}[] = [];
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly pid: number,
    everyMs = 1000,
  ) {
    this.sample();
    this.timer = setInterval(() => this.sample(), everyMs);
  }

  end(): void {
    clearInterval(this.timer);
    this.sample();
  }

  /** Share of one core since the samples began, 0 to 1 and more. */
  cpuShare(): number {
    const [first, last] = [this.samples[0]!, this.samples.at(-1)!];
    return (last.cpuMs - first.cpuMs) / (last.atMs - first.atMs);
  }

  /** Largest resident size, MB. */
  peakMb(): number {
    return Math.max(...this.samples.map(sample => sample.rssMb));
  }

  /** How resident size grew over the samples after `warmUpShare` of the time: MB per minute, by least squares. */
  slopeMbPerMinute(warmUpShare: number): number {
    const warm = this.samples.slice(Math.floor(this.samples.length * warmUpShare));
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const [x, y] = [mean(warm.map(s => s.atMs)), mean(warm.map(s => s.rssMb))];
    const above = warm.reduce((sum, s) => sum + (s.atMs - x) * (s.rssMb - y), 0);
    const below = warm.reduce((sum, s) => sum + (s.atMs - x) ** 2, 0);
    return (above / below) * 60_000;
  }

  private sample(): void {
    try {
      const stat = readFileSync(`/proc/${this.pid}/stat`, 'latin1');
      // The name of the program, in brackets, may hold blanks.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const cpuMs = ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
      this.samples.push({atMs: performance.now(), rssMb: (Number(fields[21]) * PAGE) / 2 ** 20, cpuMs});
    } catch {
      // It has ended; what was seen of it stays.
    }
  }
}

function systemNumber(name: string): number {
  return process.platform === 'linux' ? Number(execFileSync('getconf', [name], {encoding: 'utf8'})) : Number.NaN;
}
const TICKS = systemNumber('CLK_TCK');
const PAGE = systemNumber('PAGESIZE');
