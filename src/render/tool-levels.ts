/** How much of tool calls is shown. */
export const TOOL_LEVELS = ['full', 'short', 'none'] as const;
export type ToolLevel = (typeof TOOL_LEVELS)[number];
