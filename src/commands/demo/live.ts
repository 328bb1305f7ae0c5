import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {Context} from '../../context.ts';
import type {Performance} from '../../demo/performance.ts';
import {type Played, type PlayerClock, play} from '../../demo/player.ts';
import {loadRecorded} from '../../demo/recorded.ts';
import {scenesOf} from '../../demo/scenes.ts';
import {Ending} from '../../flags/ending.ts';
import {writeLine} from '../../flags/output.ts';
import {openExporter, type SpanExporter} from '../../store/exporter.ts';
import {labelOf, type Source} from '../../store/source.ts';
import {createTables} from '../../store/writer.ts';
import {line, type Safe, safe} from '../../text/safe.ts';
import {command} from '../../text/shell.ts';
import {paint} from '../../text/style.ts';
import {isoTime} from '../../trace/time.ts';
import {fill} from './fill.ts';

export interface LiveOptions {
  /** 2 plays twice as fast. */
  readonly speed: number;
  /** Null: until a signal. */
  readonly lengthMs: number | null;
}

/**
 * Plays recorded runs into a demo database, which it creates if necessary, until ^C or the end of `--for`. Prints
 * what begins; writes only to demo databases.
 */
export async function playLive(
  source: Source,
  schema: string,
  {speed, lengthMs, seed}: LiveOptions & {readonly seed: number},
  context: Context,
): Promise<void> {
  const exporter = (await openExporter(source, schema)) ?? (await made(source, schema, context));
  const ending = new Ending(null);
  try {
    writeLine(
      context,
      line`playing runs into ${safe(labelOf(source))}; ${lengthMs === null ? line`^C stops it` : line`^C stops it early`}`,
    );
    writeLine(context, line`in another terminal:\n  ${paint(tailCommand(source, schema, context), 'bold')}\n`);
    const clock: PlayerClock = {nowMicros: context.nowMicros, sleepUntil: sleeperOf(context)};
    const played = await play({
      scenes: scenesOf(await loadRecorded()),
      exporter,
      clock,
      speed,
      seed,
      untilMicros: lengthMs === null ? null : clock.nowMicros() + lengthMs * 1000,
      stop: ending.signal,
      onBegin: performance => writeLine(context, lineOf(performance, clock)),
    });
    writeLine(context, summaryOf(played));
    if (ending.signalCode !== null) context.exitCode = ending.signalCode;
  } finally {
    ending.dispose();
    await exporter.close();
  }
}

/** A new demo database with the recorded runs as its history. */
async function made(source: Source, schema: string, context: Context): Promise<SpanExporter> {
  const writer = await createTables(source, schema);
  const written = await fill(writer, null, 0, context).catch(async error => {
    await writer.abandon();
    throw error;
  });
  writeLine(context, line`wrote ${safe(labelOf(source))}: ${written.traces} traces, ${written.spans} spans`);
  const exporter = await openExporter(source, schema);
  if (!exporter) throw new Error('the demo that was just made is gone');
  return exporter;
}

/** The command to follow it; the password is not repeated. */
function tailCommand(source: Source, schema: string, {cwd}: Context): Safe {
  if (source.dialect === 'sqlite') return safe(command`agno-trace tail --db ${path.relative(cwd, source.file)}`);
  const label = source.password === null ? labelOf(source) : labelOf(source).replace('@', ':***@');
  const tail = command`agno-trace tail --db ${`postgresql://${label}`}`;
  return safe(schema === 'ai' ? tail : `${tail} ${command`--schema ${schema}`}`);
}

function lineOf({scene, session}: Performance, clock: PlayerClock): Safe {
  const time = isoTime(clock.nowMicros())!.slice(11, 19);
  const what = scene.isKilled ? 'its process is killed; it never ends' : (session ?? '');
  return line`${paint(safe(time), 'dim')}  ${safe(scene.name)}  ${paint(safe(what), 'dim')}`;
}

function summaryOf({traces, spans, cancelled}: Played): Safe {
  const ended = cancelled === 0 ? line`` : line`; ${cancelled} of them were still open, and ended as cancelled`;
  return line`wrote ${spans} spans of ${traces} traces${ended}`;
}

/** Timers fire late, and sometimes a little early. */
function sleeperOf({nowMicros}: Context): PlayerClock['sleepUntil'] {
  return async (micros, signal) => {
    const ms = Math.max(1, Math.ceil((micros - nowMicros()) / 1000));
    await sleep(ms, undefined, {signal}).catch(error => {
      if (!signal.aborted) throw error;
    });
  };
}
