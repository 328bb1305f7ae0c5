import {existsSync, readFileSync} from 'node:fs';
import {brotliDecompressSync} from 'node:zlib';

/** A trace that real Agno wrote, with its rows in the order of writing and the columns in Agno's order. */
export interface RecordedTrace {
  /** `shop`: an imaginary shop's day; `pictures`: one run per life-cycle picture; `killed`: processes that died. */
  readonly set: 'shop' | 'pictures' | 'killed';
  readonly trace: readonly (string | number | null)[];
  readonly spans: readonly (readonly (string | number | null)[])[];
}

/** The recorded runs that ship with the program (`build/demo-data.js`). */
export function loadRecorded(): RecordedTrace[] {
  const places = ['./demo-runs.br', '../../dist/demo-runs.br'].map(place => new URL(place, import.meta.url));
  const file = places.find(place => existsSync(place));
  if (!file) throw new Error('the recorded runs are missing: npm run build');
  const lines = brotliDecompressSync(readFileSync(file)).toString().split('\n');
  return lines.map(text => JSON.parse(text) as RecordedTrace);
}
