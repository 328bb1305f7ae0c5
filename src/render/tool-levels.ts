/** How much of tool calls is told. */
export const TOOL_LEVELS = ['full', 'short', 'none'] as const;
export type ToolLevel = (typeof TOOL_LEVELS)[number];
