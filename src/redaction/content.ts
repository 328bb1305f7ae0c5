import type {ExactAttributes} from '../trace/attributes.ts';
import type {ExactJson} from '../trace/json.ts';
import type {StoredSpan} from '../trace/stored-span.ts';

/**
 * Attributes that say what was called, by whom and with what usage, but nothing of the contents. This lists what
 * stays, because an unknown attribute may contain anything.
 */
const STAYS =
  /^(?:openinference\.span\.kind|llm\.(?:model_name|provider|system|token_count\..+|cost\..+)|tool\.name|agent\.name|graph\.node\.(?:id|parent_id|name)|session\.id|user\.id|agno\.(?:agent|team|agent\.id|team\.id|workflow\.id|run\.id|session\.id|user\.id|tools|knowledge|step\..+|parallel\.step_count|workflow\.(?:steps|steps_count|step_types))|(?:agent|team|workflow|run|session|user)_id|(?:in|out)put\.mime_type|http\.(?:request\.method|response\.status_code|method|status_code|route)|gen_ai\.(?:system|provider\.name|operation\.name|(?:request|response)\.model|usage\..+|tool\.name|agent\.(?:id|name)|conversation\.id)|code\.function\.name|network\.protocol\.version)$/;

/** Removes contents: inputs, outputs, messages, arguments, descriptions, metadata, error texts, unknown attributes. */
export class ContentFilter {
  /** Number of attributes left out so far. */
  leftOut = 0;

  span(span: StoredSpan): StoredSpan {
    return {
      ...span,
      statusMessage: null,
      attributes: this.attributes(span.attributes),
      unreadAttributes: null,
      problems: span.problems.filter(isPlain),
    };
  }

  /** For one of our own records. */
  record<T extends {readonly stateReason: string | null}>(record: T): T {
    const problems = 'problems' in record ? {problems: (record.problems as readonly string[]).filter(isPlain)} : {};
    const message = 'statusMessage' in record ? {statusMessage: null} : {};
    return {...record, stateReason: null, ...message, ...problems};
  }

  private attributes(attributes: ExactAttributes): ExactAttributes {
    const clean: Record<string, ExactJson> = Object.create(null);
    for (const [key, value] of Object.entries(attributes)) {
      if (STAYS.test(key)) clean[key] = value;
      else this.leftOut++;
    }
    return clean;
  }
}

/** A problem that quotes no data. */
const isPlain = (problem: string): boolean => !problem.includes('"');
