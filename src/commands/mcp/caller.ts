import type {Context} from '../../context.ts';
import {UserError, usageError} from '../../errors.ts';
import type {AnswerCleaner} from '../../redaction/answers.ts';
import {COMMANDS} from '../index.ts';
import {type Answered, type Calling, callLine} from './call.ts';
import {type Inputs, inputsOf} from './inputs.ts';
import type {McpOptions} from './run.ts';
import {SQL, TOOLS, type Tool} from './tools.ts';

/** A tool with its command. */
interface Declared {
  readonly tool: Tool;
  readonly inputs: Inputs;
  /** The server's flags, as far as the command has them. */
  readonly flags: readonly string[];
  readonly hasMaxBytes: boolean;
}

export type Given = Readonly<Record<string, unknown>>;

type CallerOptions = Omit<McpOptions, 'redaction' | 'redactKey'> & {
  /** Removes from answers what patterns find; null: nothing. */
  readonly cleaner: AnswerCleaner | null;
};

/** Calls of `wait` that may run at the same time; each has a connection. */
const MOST_WAITING = 4;

/** The tools and their answers, independent of any protocol. */
export class Caller {
  private readonly declared = new Map<string, Declared>();
  /** The running call: facts are in one file, and a database gets only one of our connections. */
  private queue: Promise<unknown> = Promise.resolve();
  private readonly waiting = new Set<Promise<unknown>>();

  private constructor(
    private readonly options: CallerOptions,
    private readonly context: Context,
  ) {}

  static async of(options: CallerOptions, context: Context): Promise<Caller> {
    const caller = new Caller(options, context);
    for (const tool of [...TOOLS, ...(options.allowsSql ? [SQL] : [])])
      caller.declared.set(tool.name, await caller.declare(tool));
    return caller;
  }

  get tools(): readonly Pick<Declared, 'tool' | 'inputs'>[] {
    return [...this.declared.values()];
  }

  toolOf(name: string): Tool | null {
    return this.declared.get(name)?.tool ?? null;
  }

  /** Calls an existing tool. */
  async call(name: string, given: Given, calling: Omit<Calling, 'clean'>): Promise<Answered> {
    const declared = this.declared.get(name)!;
    const {cleaner} = this.options;
    if (!cleaner) return this.answered(declared, given, calling);
    const by = given.by ?? given.per;
    const named = by === 'user' || by === 'session' ? by : null;
    const clean = <T>(answer: T) => cleaner.clean(answer, named);
    const {json, error, said} = await this.answered(declared, given, {...calling, clean});
    return {json, error: error && clean(error), said: clean(said)};
  }

  /** Resolves when no call is running any more. */
  async settled(): Promise<void> {
    await Promise.all([this.queue, ...this.waiting]);
  }

  private async answered(declared: Declared, given: Given, calling: Calling): Promise<Answered> {
    try {
      const line = this.lineOf(declared, given);
      return await this.inTurn(declared.tool, () => callLine(line, this.context, calling));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const {message, hint = null, exitCode} = error;
      return {json: null, error: {message, hint, exitCode}, said: ''};
    }
  }

  private async declare(tool: Tool): Promise<Declared> {
    const {default: module} = await COMMANDS[tool.command]!.load();
    const command = this.options.command.createCommand(tool.command);
    module.declare(command, this.context);
    const own = new Set(command.options.map(option => option.name()));
    const {globalFlags, prices} = this.options;
    return {
      tool,
      inputs: inputsOf(tool, command),
      flags: [
        // For `wait`, this flag has another meaning.
        ...[...globalFlags].flatMap(([name, words]) => (own.has(name) ? [] : words)),
        tool.command,
        '--format=json',
        ...(prices !== null && own.has('prices') ? [`--prices=${prices}`] : []),
      ],
      hasMaxBytes: own.has('max-bytes'),
    };
  }

  private lineOf({inputs, flags, hasMaxBytes}: Declared, given: Given): string[] {
    const words = inputs.lineOf(given);
    const isSized = words.some(word => word.startsWith('--max-bytes='));
    return [...flags, ...(hasMaxBytes && !isSized ? [`--max-bytes=${this.options.maxBytes}`] : []), ...words];
  }

  private inTurn<T>(tool: Tool, work: () => Promise<T>): Promise<T> {
    if (!tool.isPatient) {
      const turn = this.queue.then(work);
      this.queue = turn.catch(() => undefined);
      return turn;
    }
    if (this.waiting.size >= MOST_WAITING)
      throw usageError(
        `${MOST_WAITING} calls of ${tool.name} are going on.`,
        'Call it again when one of them is over.',
      );
    const waiting = work().finally(() => this.waiting.delete(settled));
    const settled: Promise<unknown> = waiting.catch(() => undefined);
    this.waiting.add(settled);
    return waiting;
  }
}
