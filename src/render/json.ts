import {type Safe, terminalJson, trusted} from '../text/safe.ts';

interface Envelope {
  /** Subcommand; names the schema. */
  readonly command: string;
  readonly data: unknown;
  /** Text for `--cursor`; null on the last page. */
  readonly next?: string | null;
  /** What a reader must know to interpret the data; complete sentences. */
  readonly notes?: readonly string[];
  /** Not all items fit. */
  readonly truncated?: true;
}

/**
 * The public contract (docs/json.md): `{"schema", "data", "page", "notes"}`, the same shape for no, one and many
 * items. In a pipe the data is exact; on a terminal, characters that could act on it are written as `\u` escapes,
 * which parse to the same text.
 */
export function renderJson({command, data, next = null, notes = [], truncated}: Envelope, isTTY: boolean): Safe {
  const text = jsonText({schema: `agno-trace/${command}/1`, data, page: {next}, notes, truncated});
  return isTTY ? terminalJson(text) : trusted(text);
}

/** One item per line. */
export function* renderJsonLines(items: Iterable<unknown>, isTTY: boolean): Generator<Safe> {
  for (const item of items) {
    const text = jsonText(item);
    yield isTTY ? terminalJson(text) : trusted(text);
  }
}

/** A value in the form of all answers. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, exactly);
}

/** Values that a JSON number cannot hold are text: integers beyond 2^53, `Infinity` and `NaN`. */
function exactly(_: string, value: unknown): unknown {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value);
  return value;
}
