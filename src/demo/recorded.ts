import {existsSync, readFileSync} from 'node:fs';

/** A trace that real Agno wrote, with its rows in the order of writing and its columns in Agno's order. */
export interface RecordedTrace {
  /** `shop`: an imaginary shop's day; `pictures`: one run per life-cycle picture; `killed`: processes that died. */
  readonly set: 'shop' | 'pictures' | 'killed';
  readonly trace: readonly (string | number | null)[];
  readonly spans: readonly (readonly (string | number | null)[])[];
}

/** The recorded runs that ship with the program (`build/demo-data.js`). */
export async function loadRecorded(): Promise<RecordedTrace[]> {
  const places = ['./demo-runs.br', '../../dist/demo-runs.br'].map(place => new URL(place, import.meta.url));
  const file = places.find(place => existsSync(place));
  if (!file) throw new Error('the recorded runs are missing: npm run build');
  // Loaded here: the module costs 3 ms, and every command contains this file.
  const {brotliDecompressSync} = await import('node:zlib');
  const [traces, ...columns] = brotliDecompressSync(readFileSync(file))
    .toString()
    .split('\n')
    .map(line => JSON.parse(line)) as [Packed[], ...Column[]];
  let next = 0;
  return traces.map(({spans, ...trace}) => {
    const from = next;
    next += spans;
    return {...trace, spans: Array.from({length: spans}, (_, i) => columns.map(column => column[from + i]!))};
  });
}

type Column = readonly (string | number | null)[];

interface Packed extends Omit<RecordedTrace, 'spans'> {
  /** Number of spans. */
  readonly spans: number;
}
