import attributeLimit from './checks/attribute-limit.ts';
import clockDifference from './checks/clock-difference.ts';
import dataParts from './checks/data-parts.ts';
import doubledSpans from './checks/doubled-spans.ts';
import emptyTraceRows from './checks/empty-trace-rows.ts';
import endsBeforeStart from './checks/ends-before-start.ts';
import figuresDoubtful from './checks/figures-doubtful.ts';
import figuresLeftOut from './checks/figures-left-out.ts';
import foreignOperators from './checks/foreign-operators.ts';
import httpTraffic from './checks/http-traffic.ts';
import lookUpIndexes from './checks/look-up-indexes.ts';
import looseParts from './checks/loose-parts.ts';
import missingForeignKey from './checks/missing-foreign-key.ts';
import missingIndexes from './checks/missing-indexes.ts';
import missingParents from './checks/missing-parents.ts';
import rollbackJournal from './checks/rollback-journal.ts';
import runsLost from './checks/runs-lost.ts';
import runsRunning from './checks/runs-running.ts';
import runsStalled from './checks/runs-stalled.ts';
import runsWithoutTraces from './checks/runs-without-traces.ts';
import severalRunsInOneTrace from './checks/several-runs-in-one-trace.ts';
import spansWithoutTraceRow from './checks/spans-without-trace-row.ts';
import statusContradictions from './checks/status-contradictions.ts';
import tableEngine from './checks/table-engine.ts';
import traceRowsWithoutSpans from './checks/trace-rows-without-spans.ts';
import unreadableRows from './checks/unreadable-rows.ts';
import type {Check} from './checkup.ts';

/** Every check by the id of its finding. */
export const CHECKS: Readonly<Record<string, Check>> = {
  'attribute-limit': attributeLimit,
  'clock-difference': clockDifference,
  'data-parts': dataParts,
  'doubled-spans': doubledSpans,
  'empty-trace-rows': emptyTraceRows,
  'ends-before-start': endsBeforeStart,
  'figures-doubtful': figuresDoubtful,
  'figures-left-out': figuresLeftOut,
  'foreign-operators': foreignOperators,
  'http-traffic': httpTraffic,
  'look-up-indexes': lookUpIndexes,
  'loose-parts': looseParts,
  'missing-foreign-key': missingForeignKey,
  'missing-indexes': missingIndexes,
  'missing-parents': missingParents,
  'rollback-journal': rollbackJournal,
  'runs-lost': runsLost,
  'runs-running': runsRunning,
  'runs-stalled': runsStalled,
  'runs-without-traces': runsWithoutTraces,
  'several-runs-in-one-trace': severalRunsInOneTrace,
  'spans-without-trace-row': spansWithoutTraceRow,
  'status-contradictions': statusContradictions,
  'table-engine': tableEngine,
  'trace-rows-without-spans': traceRowsWithoutSpans,
  'unreadable-rows': unreadableRows,
};
