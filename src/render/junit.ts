import type {Unit} from '../table/table.ts';
import {type Safe, safe, trusted} from '../text/safe.ts';
import type {FlatRecord} from './csv.ts';
import {count, figure} from './values.ts';

/** The rules of `check` as JUnit test cases, which CI systems display. */
export function renderJunit(rows: readonly FlatRecord[], notes: readonly string[]): Safe {
  const number = (...results: readonly string[]) => rows.filter(({result}) => results.includes(String(result))).length;
  const cases = rows.map(row => {
    const {rule, name, result} = row;
    const title = name === null ? String(rule) : `${rule} of ${name}`;
    const open = `    <testcase classname="agno-trace.check" name="${escaped(title)}"`;
    const said = escaped(inWords(row));
    if (result === 'ok') return `${open}/>`;
    const outcome =
      result === 'no data'
        ? `<skipped message="${said}"/>`
        : `<failure type="${result === 'fail' ? 'limit' : 'unknown'}" message="${said}">${said}</failure>`;
    return `${open}>\n      ${outcome}\n    </testcase>`;
  });
  return trusted(
    [
      '<?xml version="1.0" encoding="UTF-8"?>',
      `<testsuites name="agno-trace">`,
      `  <testsuite name="check" tests="${rows.length}" failures="${number('fail', 'maybe')}" errors="0" skipped="${number('no data')}">`,
      ...cases,
      `    <system-out>${notes.map(escaped).join('\n')}</system-out>`,
      '  </testsuite>',
      '</testsuites>',
      '',
    ].join('\n'),
  );
}

function inWords({result, value, limit, unit, runs, unknown, sampleRunId, sampleTraceId}: FlatRecord): string {
  if (result === 'no data') return 'there was no run';
  const drawn = (of: unknown) => figure(of as number | null, unit as Unit);
  const missing = Number(unknown) > 0 ? `, ${count(Number(unknown))} not known` : '';
  const id = sampleRunId ?? sampleTraceId;
  const look = id === null ? '' : `; agno-trace show ${id}`;
  return `${drawn(value)}, limit ${drawn(limit)}, of ${count(Number(runs))} ${runs === 1 ? 'run' : 'runs'}${missing}${look}`;
}

/** Text for XML 1.0, which allows no control characters. */
function escaped(text: string): string {
  return safe(text)
    .replace(/[\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
