import {useEffect, useReducer, useRef} from 'react';
import {UserError} from '../errors.ts';
import type {SpanContent} from './pane.ts';
import type {RunSource} from './source.ts';

/** How many complete spans are kept; some hold megabytes. */
const KEPT = 16;
/** Rows that the cursor only passes are not read. */
const REST_MS = 60;

/**
 * Contents of spans, by their ids. The wanted one is read when the cursor rests on it; after a failure, it is read
 * again when the cursor comes back.
 * @param wanted null: none
 */
export function useSpanContents(source: RunSource, wanted: string | null): ReadonlyMap<string, SpanContent> {
  const [contents, add] = useReducer(withContent, NONE);
  const known = useRef(contents);
  known.current = contents;
  useEffect(() => {
    const content = wanted === null ? undefined : known.current.get(wanted);
    if (wanted === null || (content && content.state !== 'failed')) return;
    let isWanted = true;
    const timer = setTimeout(() => {
      void load(source, wanted).then(read => {
        // Data that was read but is no longer wanted is worth keeping; a failure is not.
        if (isWanted || read.state === 'here') add({id: wanted, content: read});
      });
    }, REST_MS);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [source, wanted]);
  return contents;
}

const NONE: ReadonlyMap<string, SpanContent> = new Map();

function withContent(
  before: ReadonlyMap<string, SpanContent>,
  {id, content}: {readonly id: string; readonly content: SpanContent},
): ReadonlyMap<string, SpanContent> {
  const others = [...before].filter(([other]) => other !== id);
  return new Map([...others.slice(-(KEPT - 1)), [id, content]]);
}

async function load(source: RunSource, id: string): Promise<SpanContent> {
  try {
    const spans = await source.loadSpans([id]);
    return {state: 'here', span: spans.find(({spanId}) => spanId === id) ?? null};
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return {state: 'failed', failure: {message: error.message, hint: error.hint ?? null}};
  }
}
