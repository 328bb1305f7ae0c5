import {usageError} from '../errors.ts';
import type {Parameter} from '../sql/ad-hoc.ts';

const HINT = 'Write -p name=text, or -p name:=123 for a JSON value.';

/** `-p name=text` and `-p name:=json`. @throws UserError exit 2 */
export function parseParameters(texts: readonly string[]): Parameter[] {
  const parameters = texts.map(parseParameter);
  const names = parameters.map(({name}) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw usageError(`--param "${twice}" is given twice.`, 'A parameter has one value.');
  return parameters;
}

function parseParameter(text: string): Parameter {
  const [, name, isJson, value] = /^([A-Za-z_]\w*)(:?)=([\s\S]*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw usageError(`--param "${text}" is not name=value.`, HINT);
  if (value.includes('\0')) throw usageError(`--param "${name}" holds a NUL character.`, HINT);
  if (!isJson) return {name, type: 'text', text: value};
  const plain = value.trim();
  // A number keeps its spelling: JSON.parse would round a long one.
  if (/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?$/.test(plain)) return {name, type: 'number', text: plain};
  let parsed: unknown;
  try {
    parsed = JSON.parse(plain);
  } catch {
    throw usageError(`--param "${text}" is not JSON after ":=".`, HINT);
  }
  if (parsed === null) return {name, type: 'null', text: ''};
  if (typeof parsed === 'boolean') return {name, type: 'boolean', text: plain};
  return {name, type: 'text', text: typeof parsed === 'string' ? parsed : plain};
}
