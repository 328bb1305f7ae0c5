import {UserError} from '../errors.ts';
import type {SelectedRow, SpanContent} from './pane.ts';
import type {RunSource} from './source.ts';

/** Spans kept whole; some hold megabytes. */
const KEPT = 16;
/** Rows that the cursor only passes are not read. */
const REST_MS = 60;
const LOADING: SpanContent = {state: 'loading'};
const NOTHING: SpanContent = {state: 'here', span: null};

/** What spans hold, read when the cursor rests on them. */
export class SpanContents {
  /** In the order of use. */
  private readonly known = new Map<string, SpanContent>();
  private wanted: string | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly source: Pick<RunSource, 'loadSpans'>,
    private readonly onChange: () => void,
  ) {}

  /** What is known of the row's span now; what is not is fetched. */
  of(selected: SelectedRow | null): SpanContent {
    const node = selected?.row.node;
    if (!node?.span) return NOTHING;
    const id = node.id;
    const content = this.known.get(id);
    if (content) {
      this.known.delete(id);
      this.known.set(id, content);
      // Tried again when the cursor comes back to it.
      if (content.state === 'failed' && this.wanted !== id) this.known.delete(id);
      this.wanted = id;
      return content;
    }
    if (this.wanted !== id) {
      this.wanted = id;
      if (this.timer) clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.load(id), REST_MS);
    }
    return LOADING;
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.wanted = null;
  }

  private async load(id: string): Promise<void> {
    const content = await this.source.loadSpans([id]).then(
      (spans): SpanContent => ({state: 'here', span: spans.find(({spanId}) => spanId === id) ?? null}),
      (error): SpanContent => {
        if (!(error instanceof UserError)) throw error;
        return {state: 'failed', failure: {message: error.message, hint: error.hint ?? null}};
      },
    );
    this.known.set(id, content);
    for (const oldest of this.known.keys()) {
      if (this.known.size <= KEPT) break;
      this.known.delete(oldest);
    }
    this.onChange();
  }
}
