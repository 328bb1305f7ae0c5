export interface Writer {
  readonly trace: (row: readonly unknown[]) => Promise<void>;
  readonly spans: (rows: readonly (readonly unknown[])[]) => Promise<void>;
  readonly close: () => Promise<void>;
}

export function now(): string;
export function openWriter(url: string, options?: {foreignKeys?: 'on' | 'off'}): Promise<Writer>;
/** @param onBatch told of each export how long it took, and whether it was lost */
export function writeRun(writer: Writer, onBatch: (ms: number, isLost: boolean) => void): Promise<void>;
