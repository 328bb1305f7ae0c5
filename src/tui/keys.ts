/** A key as `KEYS` names it: a character itself, `^c`, `up`, `shift-tab`; or a text that was pasted. */
export type KeyPress =
  | {readonly name: string; readonly pasted?: undefined}
  | {readonly name: 'paste'; readonly pasted: string};

/**
 * All keys, defined once: the footer, the help and the dispatch use this table. The order is that of the help. `keys`
 * are names from `keyNames` (key-names.ts).
 */
export const KEYS = [
  {action: 'up', keys: ['k', 'up'], shown: '↑ k', does: 'one up', group: 'Move'},
  {action: 'down', keys: ['j', 'down'], shown: '↓ j', does: 'one down', group: 'Move', brief: ['↑↓', 'move']},
  {action: 'pageUp', keys: ['pageup'], shown: 'PgUp', does: 'a page up', group: 'Move'},
  {action: 'pageDown', keys: ['pagedown'], shown: 'PgDn', does: 'a page down', group: 'Move'},
  {action: 'halfUp', keys: ['^u'], shown: '^U', does: 'half a page up', group: 'Move'},
  {action: 'halfDown', keys: ['^d'], shown: '^D', does: 'half a page down', group: 'Move'},
  {action: 'first', keys: ['g', 'home'], shown: 'g', does: 'to the first', group: 'Move'},
  {action: 'newest', keys: ['G'], shown: 'G', does: 'to the newest, and follow; ui: last', group: 'Move'},
  {action: 'last', keys: ['end'], shown: 'End', does: 'to the last', group: 'Move'},
  {action: 'unfold', keys: ['l', 'right'], shown: '→ l', does: 'unfold', group: 'Look', brief: ['→', 'unfold']},
  {action: 'fold', keys: ['h', 'left'], shown: '← h', does: 'fold; to the parent', group: 'Look', brief: ['←', 'fold']},
  {action: 'toggle', keys: ['space'], shown: 'Space', does: 'fold or unfold', group: 'Look'},
  {action: 'unfoldAll', keys: ['L'], shown: 'L', does: 'unfold everything', group: 'Look'},
  {action: 'foldAll', keys: ['H'], shown: 'H', does: 'fold everything below the run', group: 'Look'},
  {action: 'open', keys: ['enter'], shown: '↵', does: 'open', group: 'Look', brief: ['↵', 'open']},
  {
    action: 'close',
    keys: ['escape'],
    shown: 'Esc',
    does: 'close; clear search; up; clear filter',
    group: 'Look',
  },
  {action: 'nextPane', keys: ['tab'], shown: 'Tab', does: 'next pane', group: 'Look', brief: ['Tab', 'pane']},
  {action: 'previousPane', keys: ['shift-tab'], shown: '⇧Tab', does: 'previous pane', group: 'Look'},
  {action: 'pane1', keys: ['1'], shown: '1', does: 'the runs', group: 'Look'},
  {action: 'pane2', keys: ['2'], shown: '2', does: 'the run as a tree', group: 'Look'},
  {action: 'pane3', keys: ['3'], shown: '3', does: 'contents of a span', group: 'Look'},
  {action: 'zoom', keys: ['z'], shown: 'z', does: 'zoom this pane, and back', group: 'Look'},
  {action: 'nextError', keys: ['e'], shown: 'e', does: 'next error', group: 'Find', brief: ['e', 'next error']},
  {action: 'previousError', keys: ['E'], shown: 'E', does: 'previous error', group: 'Find'},
  {action: 'search', keys: ['/'], shown: '/', does: 'search', group: 'Find', brief: ['/', 'search']},
  {action: 'nextMatch', keys: ['n'], shown: 'n', does: 'next hit', group: 'Find', brief: ['n', 'next hit']},
  {action: 'previousMatch', keys: ['N'], shown: 'N', does: 'previous hit', group: 'Find'},
  {action: 'filter', keys: ['F'], shown: 'F', does: 'filter, as -q of list', group: 'Find', brief: ['F', 'filter']},
  {action: 'session', keys: ['s'], shown: 's', does: 'the runs of this session', group: 'Find'},
  {action: 'follow', keys: ['f'], shown: 'f', does: 'follow on or off', group: 'Show', brief: ['f', 'follow']},
  {
    action: 'order',
    keys: ['o'],
    shown: 'o',
    does: 'sort by age, duration, tokens',
    group: 'Show',
    brief: ['o', 'order'],
  },
  {action: 'columns', keys: ['C'], shown: 'C', does: 'choose the columns of the runs', group: 'Show'},
  {action: 'wrap', keys: ['w'], shown: 'w', does: 'wrap long lines', group: 'Show', brief: ['w', 'wrap']},
  {action: 'raw', keys: ['v'], shown: 'v', does: 'raw JSON', group: 'Show', brief: ['v', 'raw']},
  {action: 'time', keys: ['t'], shown: 't', does: 'show times as ages or clock times', group: 'Show'},
  {action: 'critical', keys: ['c'], shown: 'c', does: 'critical path only', group: 'Show', brief: ['c', 'critical']},
  {action: 'copy', keys: ['y'], shown: 'y', does: 'copy the id', group: 'Show', brief: ['y', 'copy id']},
  {action: 'transcript', keys: ['T'], shown: 'T', does: 'transcript of the run', group: 'Show'},
  {action: 'mark', keys: ['m'], shown: 'm', does: 'mark a run, for D', group: 'Show'},
  {action: 'diff', keys: ['D'], shown: 'D', does: 'compare two marked runs', group: 'Show'},
  {action: 'pager', keys: ['O'], shown: 'O', does: 'open the span in $PAGER', group: 'Show'},
  {action: 'editor', keys: ['^o'], shown: '^O', does: 'open the span in $EDITOR', group: 'Show'},
  {action: 'sql', keys: ['S'], shown: 'S', does: 'show the SQL', group: 'Show'},
  {action: 'help', keys: ['?'], shown: '?', does: 'all keys', group: 'Leave', brief: ['?', 'all keys']},
  {action: 'back', keys: ['q'], shown: 'q', does: 'up, then quit', group: 'Leave', brief: ['q', 'quit']},
  {action: 'quit', keys: ['^c'], shown: '^C', does: 'quit', group: 'Leave'},
] as const satisfies readonly KeyRow[];

export interface KeyRow {
  readonly action: string;
  readonly keys: readonly string[];
  /** As shown in the help. */
  readonly shown: string;
  readonly does: string;
  readonly group: string;
  /** As shown in the footer: key and word; absent: only in the help. */
  readonly brief?: readonly [string, string];
}

/** The meaning of a key, wherever it is pressed; each pane handles those that apply to it. */
export type Action = (typeof KEYS)[number]['action'];

const ACTIONS = new Map<string, Action>(KEYS.flatMap(({action, keys}) => keys.map(key => [key, action] as const)));

export function actionOf(keyName: string): Action | null {
  return ACTIONS.get(keyName) ?? null;
}

/** Names of keys for terminals that may lack the arrow characters. */
const IN_ASCII: Readonly<Record<string, string>> = {
  '↑↓': 'Up/Dn',
  '↑': 'Up',
  '↓': 'Down',
  '→': 'Right',
  '←': 'Left',
  '↵': 'Enter',
  '⇧': 'Shift-',
};

export function keyText(shown: string, ascii: boolean): string {
  return ascii ? shown.replace(/↑↓|[↑↓→←↵⇧]/g, arrow => IN_ASCII[arrow]!) : shown;
}
