import type {SpanRow} from '../src/trace/span.ts';
import {agent, llm, span} from './trace/rows.ts';

/*
 * Runs with attributes of every kind, by the name of their session, and what queries say about them. The names are
 * the answers: whoever reads a line can check it.
 */

const long = 'x'.repeat(300);
const padding = 'p'.repeat(70_000);

interface Planted {
  /** Of the run's own span. */
  readonly own?: object;
  /** Of the model call below it, which begins later, and of the one after that. */
  readonly call?: object;
  readonly later?: object;
  /** As stored, if it is not what `own` gives. */
  readonly text?: (attributes: string) => string;
}

const RUNS: Readonly<Record<string, Planted>> = {
  acme: {own: {tenant: 'acme', metadata: '{"plan": 3, "region": {"name": "eu-1"}, "beta": true}'}},
  // A trace of 64 KB and more is read in another way.
  large: {own: {tenant: 'acme', metadata: '{"plan": 2.5, "note": null}', 'input.value': padding}},
  globex: {own: {tenant: 'Globex Corp', metadata: {plan: 1, beta: false, 'a.b': {'c.d': 'dots'}}}},
  inCall: {own: {metadata: '{"plan": "2"}'}, call: {tenant: 'acme'}, later: {tenant: 'globex corp'}},
  ownFirst: {own: {tenant: 'initech'}, call: {tenant: 'acme'}},
  nullFirst: {own: {tenant: null}, call: {tenant: 7}},
  list: {own: {tenant: ['acme', 12, ['deep'], null], 'tag.tags': ['x', 'y']}},
  number: {own: {tenant: 12, 'metadata.plan': 10, metadata: '{"plan": 4}'}},
  text: {own: {tenant: '12', metadata: '[1, 2]'}},
  long: {own: {tenant: long, metadata: `{"plan": 9, "pad": "${padding}"}`}},
  hostile: {
    own: {
      tenant: '\u001b[31mred\u0007',
      'it\'s "q":x': 'quoted',
      __proto__x: 1,
      metadata: '{"plan": ',
      constructor: 'c',
      ü: 'ä',
    },
  },
  big: {own: {tenant: 1}, text: attributes => attributes.replace('"tenant":1', '"tenant":9007199254740993')},
  // As a writer may store it that escapes more than it must.
  escaped: {
    own: {tenant: 'acme'},
    text: attributes => attributes.replace('"tenant":"acme"', String.raw`"t\u0065nant":"\u0061\u0063\u006de"`),
  },
  none: {own: {}},
};
export const LABELS = Object.keys(RUNS);

/** Queries, and the runs that they select. */
export const ANSWERS: readonly (readonly [query: string, labels: readonly string[]])[] = [
  ['attr.tenant:acme', ['acme', 'large', 'inCall', 'list', 'escaped']],
  ['attr.tenant:ACME', ['acme', 'large', 'inCall', 'list', 'escaped']],
  ['attr.tenant=acme', ['acme', 'large', 'inCall', 'list', 'escaped']],
  ['attr.tenant:ac*', ['acme', 'large', 'inCall', 'list', 'escaped']],
  ['attr.tenant:"ac*"', []],
  ['attr.tenant:"globex corp",initech', ['globex', 'ownFirst']],
  ['attr.Tenant:acme', []],
  ['attr.tenant:12', ['list', 'number', 'text']],
  ['attr.tenant:12.0', ['list', 'number']],
  ['attr.tenant:"12"', ['list', 'number', 'text']],
  ['attr.tenant>=7', ['nullFirst', 'list', 'number']],
  ['attr.tenant:>"11"', ['acme', 'large', 'globex', 'inCall', 'ownFirst', 'list', 'text', 'long', 'big', 'escaped']],
  ['attr.tenant:7..11', ['nullFirst']],
  ['attr.tenant:9007199254740993', ['big']],
  ['attr.tenant:9007199254740992', []],
  ['attr.tenant:deep', []],
  ['-attr.tenant:*', ['none']],
  ['attr.tenant!=acme tokens:0..', []],
  ['attr.tenant:xxx*', ['long']],
  [`attr.tenant:"${long}"`, []],
  ['attr.tenant:*red*', ['hostile']],
  ['attr.metadata.plan:>=2', ['acme', 'large', 'number']],
  ['attr.metadata.plan:2', ['inCall']],
  ['attr.metadata.plan:2.5', ['large']],
  ['attr.metadata.plan:10', ['number']],
  ['attr.metadata.plan:9', []],
  ['attr.metadata.beta:true', ['acme']],
  ['attr.metadata.beta:*', ['acme', 'globex']],
  ['attr.metadata.note:*', []],
  ['attr.metadata.region:*', []],
  ['attr.metadata.region.name:EU-?', ['acme']],
  ['attr.metadata.a.b.c.d:dots', ['globex']],
  ['attr.metadata:"[1, 2]"', ['text']],
  ['attr.tag.tags:y', ['list']],
  [String.raw`attr."it's \"q\":x":quoted`, ['hostile']],
  ['attr.ü:Ä', ['hostile']],
  ['attr.constructor:*', ['hostile']],
  ['attr.toString:*', []],
  ['attr.__proto__:*', []],
  ['attr.tenant.length:*', []],
  ['attr.tenant:acme -attr.metadata.plan:>=2', ['inCall', 'list', 'escaped']],
  ['attr.metadata.plan:>2 OR attr.tenant:initech', ['acme', 'large', 'ownFirst', 'number']],
];

/** One trace for each of them. */
export function plantedRuns(): SpanRow[][] {
  return LABELS.map((label, i) => {
    const {own, call = {}, later = {}, text = attributes => attributes} = RUNS[label]!;
    const at = i * 10_000;
    const run = span(`${label}.run`, at, at + 900, {id: 'run', attributes: {...agent({'session.id': label}), ...own}});
    return [
      {...run, attributes: text(String(run.attributes))},
      span('call', at + 100, at + 200, {id: 'call', parent: 'run', attributes: llm(call)}),
      span('call', at + 300, at + 400, {id: 'later', parent: 'run', attributes: llm(later)}),
    ];
  });
}
