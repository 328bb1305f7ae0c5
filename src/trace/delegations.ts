import {type Details, kept} from './details.ts';
import {parseJson} from './json.ts';
import type {Span} from './span.ts';
import {displayName, type Node} from './tree.ts';

/** The tools that ask one member; one call of the other tools may ask several. */
const FOR_ONE: ReadonlySet<string> = new Set(['delegate_task_to_member', 'execute_task']);

interface Delegation {
  readonly call: Node;
  /** The member's task; null: unknown, or cut off. */
  readonly task: string | null;
}

/** Delegations to one member without an answer, by start, and the last one that was answered. */
interface Waiting {
  open: Delegation[];
  /** When the list is this long, ended ones are removed: examining every one for each member would be quadratic. */
  longest: number;
  answered: Node | null;
}

/** How many open delegations to one member are compared with its run. */
const MOST_COMPARED = 100;

/**
 * Finds the delegation that a member's run answers: it was running when the run began and, if it names a member,
 * names this one. If several match, it is the one with the run's task; among equal tasks, the one that began first.
 * Add spans in order of start.
 */
export class Delegations {
  private readonly byMember = new Map<string, Waiting>();
  private readonly toAnybody: Node[] = [];

  /** @param unclear receives the ids of spans whose complete rows would decide between several delegations */
  constructor(
    private readonly details: ReadonlyMap<string, Details>,
    private readonly unclear: Set<string>,
  ) {}

  begin(call: Node): void {
    const {member, task} = askedBy(call.span!, this.details.get(call.id));
    if (member === null) {
      this.toAnybody.push(call);
      return;
    }
    const waiting = this.byMember.get(slug(member)) ?? {open: [], longest: MOST_COMPARED, answered: null};
    this.byMember.set(slug(member), waiting);
    waiting.open.push({call, task});
  }

  /** @param mayHold whether the member may be drawn under a call */
  callOf(member: Node, mayHold: (call: Node) => boolean): Node | null {
    const span = member.span!;
    for (const id of [span.agentId, span.teamId, span.componentName]) {
      const waiting = id === null ? undefined : this.byMember.get(slug(id));
      if (!waiting) continue;
      const candidates = goingOn(waiting, span, mayHold);
      const found = this.choose(member, candidates);
      if (found) {
        if (FOR_ONE.has(displayName(found.call.span!))) waiting.open.splice(waiting.open.indexOf(found), 1);
        waiting.answered = found.call;
        return found.call;
      }
      const {answered} = waiting;
      if (answered && isGoingOn(answered.span!, span) && mayHold(answered)) return answered;
    }
    // If it has ended now, it covers no later moment either.
    while (this.toAnybody.length > 0 && !isGoingOn(this.toAnybody.at(-1)!.span!, span)) this.toAnybody.pop();
    return this.toAnybody.findLast(call => isGoingOn(call.span!, span) && mayHold(call)) ?? null;
  }

  private choose(member: Node, candidates: readonly Delegation[]): Delegation | undefined {
    const [first] = candidates;
    if (!first || candidates.every(({task}) => task !== null && task === first.task)) return first;
    const input = this.details.get(member.id)?.input ?? null;
    if (input === null) {
      this.unclear.add(member.id);
      for (const {call, task} of candidates) if (task === null) this.unclear.add(call.id);
      return first;
    }
    // Agno may put the earlier conversation in front of the task.
    return (
      candidates.find(({task}) => task === input) ??
      candidates.find(({task}) => task !== null && task !== '' && input.includes(task)) ??
      first
    );
  }
}

function isGoingOn(call: Span, member: Span): boolean {
  const {startMicros: from, endMicros: to} = call;
  const start = member.startMicros;
  return from !== null && to !== null && start !== null && from <= start && start <= to;
}

/** The first delegations that are still running. */
function goingOn(waiting: Waiting, member: Span, mayHold: (call: Node) => boolean): Delegation[] {
  if (waiting.open.length > waiting.longest) {
    waiting.open = waiting.open.filter(({call}) => isGoingOn(call.span!, member));
    waiting.longest = Math.max(MOST_COMPARED, 2 * waiting.open.length);
  }
  const found: Delegation[] = [];
  for (const delegation of waiting.open) {
    if (found.length === MOST_COMPARED) break;
    if (isGoingOn(delegation.call.span!, member) && mayHold(delegation.call)) found.push(delegation);
  }
  return found;
}

function askedBy(call: Span, details: Details | undefined): {member: string | null; task: string | null} {
  const text = details?.arguments ?? call.toolArguments;
  const value = text === null ? null : parseJson(text)?.value;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return {member: null, task: null};
  return {
    member: typeof value?.member_id === 'string' ? value.member_id : null,
    task: typeof value?.task === 'string' ? kept(value.task) : null,
  };
}

/** If a member has no id, Agno derives one from its name. */
function slug(id: string): string {
  return id.toLowerCase().replace(/[\s_]+/g, '-');
}
