import {KEY} from './attributes.ts';

/** Kinds, named as a person would name them. */
export const KINDS = [
  'agent',
  'team',
  'workflow',
  'step',
  'parallel',
  'llm',
  'tool',
  'retrieval',
  'embedding',
  'reranker',
  'hook',
  'guardrail',
  'evaluator',
  'memory',
  'mcp',
  'http',
  'other',
] as const;
export type Kind = (typeof KINDS)[number];

/** The facts that decide a kind. */
export interface KindFacts {
  openInferenceKind: string | null;
  otelKind: string;
  name: string;
  has(key: string): boolean;
}

/** One rule: all given conditions must hold. Plain data, so that the same table also becomes SQL (`runs/kind.ts`). */
export interface KindRule {
  readonly kind: Kind;
  /** `openinference.span.kind`, upper case; null: the attribute must be absent. */
  readonly openInferenceKind?: string | null;
  readonly has?: string;
  /** Exact span names; a TOOL span is named after its function. */
  readonly names?: readonly string[];
  readonly otelKinds?: readonly string[];
  readonly namePrefix?: string;
  /** The name begins with one of them. */
  readonly namePrefixes?: readonly string[];
}

/** Agno's own retrieval and memory functions (docs/agno.md, Topology). */
const RETRIEVAL_TOOLS = [
  'search_knowledge_base',
  'search_knowledge_base_with_filters',
  'asearch_knowledge_base',
  'search_knowledge',
];
export const isRetrievalTool = (name: string): boolean => RETRIEVAL_TOOLS.includes(name);
const MEMORY_TOOLS = [
  'update_user_memory',
  'add_memory',
  'update_memory',
  'delete_memory',
  'clear_memory',
  'create_or_update_cultural_knowledge',
  'add_cultural_knowledge',
  'update_cultural_knowledge',
  'search_past_sessions',
  'read_past_session',
];

/** Methods of the Model Context Protocol; its Python client puts `MCP send ` in front. */
const MCP_METHODS = [
  'MCP ',
  'initialize',
  'ping',
  'tools/',
  'prompts/',
  'resources/',
  'completion/',
  'logging/',
  'notifications/',
  'sampling/',
  'elicitation/',
  'roots/',
  'tasks/',
];

/**
 * The kind of a span: the first match wins. This is the only place that decides it (docs/design.md, Runs). Source:
 * docs/agno.md, Spans by kind; kinds that Agno does not write today are OpenInference's.
 */
export const KIND_RULES: readonly KindRule[] = [
  {kind: 'team', openInferenceKind: 'AGENT', has: KEY.teamId},
  {kind: 'agent', openInferenceKind: 'AGENT'},
  {kind: 'workflow', openInferenceKind: 'CHAIN', has: KEY.stepsCount},
  {kind: 'parallel', openInferenceKind: 'CHAIN', has: KEY.parallelCount},
  {kind: 'step', openInferenceKind: 'CHAIN', has: KEY.nodeId},
  {kind: 'llm', openInferenceKind: 'LLM'},
  {kind: 'retrieval', openInferenceKind: 'TOOL', names: RETRIEVAL_TOOLS},
  {kind: 'memory', openInferenceKind: 'TOOL', names: MEMORY_TOOLS},
  {kind: 'tool', openInferenceKind: 'TOOL'},
  {kind: 'retrieval', openInferenceKind: 'RETRIEVER'},
  {kind: 'embedding', openInferenceKind: 'EMBEDDING'},
  {kind: 'reranker', openInferenceKind: 'RERANKER'},
  {kind: 'guardrail', openInferenceKind: 'GUARDRAIL'},
  {kind: 'evaluator', openInferenceKind: 'EVALUATOR'},
  {kind: 'hook', openInferenceKind: 'HOOK'},
  {kind: 'mcp', openInferenceKind: null, has: KEY.mcpMethod, namePrefixes: MCP_METHODS},
  // Spans of other instrumentors, by OpenTelemetry's conventions: a name begins with the operation.
  {kind: 'agent', openInferenceKind: null, has: KEY.genAiOperation, namePrefix: 'invoke_agent'},
  {kind: 'tool', openInferenceKind: null, has: KEY.genAiOperation, namePrefix: 'execute_tool'},
  {kind: 'embedding', openInferenceKind: null, has: KEY.genAiOperation, namePrefix: 'embeddings'},
  {kind: 'llm', openInferenceKind: null, has: KEY.genAiOperation, namePrefix: 'chat'},
  {kind: 'llm', openInferenceKind: null, has: KEY.genAiOperation, namePrefix: 'text_completion'},
  {kind: 'llm', openInferenceKind: null, has: KEY.genAiOperation, namePrefix: 'generate_content'},
  {kind: 'other', openInferenceKind: null, has: KEY.genAiOperation},
  {kind: 'other', openInferenceKind: null, has: KEY.mcpMethod},
  {kind: 'http', openInferenceKind: null, namePrefix: 'fastapi.'},
  {kind: 'http', openInferenceKind: null, has: KEY.httpMethod},
  {kind: 'http', openInferenceKind: null, has: 'http.method'},
  {kind: 'http', openInferenceKind: null, otelKinds: ['SERVER']},
];

export function kindOf(facts: KindFacts): Kind {
  return KIND_RULES.find(rule => matches(rule, facts))?.kind ?? 'other';
}

function matches(rule: KindRule, facts: KindFacts): boolean {
  return (
    (rule.openInferenceKind === undefined || rule.openInferenceKind === facts.openInferenceKind) &&
    (rule.has === undefined || facts.has(rule.has)) &&
    (rule.names === undefined || rule.names.includes(facts.name)) &&
    (rule.otelKinds === undefined || rule.otelKinds.includes(facts.otelKind)) &&
    (rule.namePrefix === undefined || facts.name.startsWith(rule.namePrefix)) &&
    (rule.namePrefixes === undefined || rule.namePrefixes.some(prefix => facts.name.startsWith(prefix)))
  );
}
