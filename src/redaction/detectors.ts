import {isIPv4, isIPv6} from 'node:net';
import {IBAN_LENGTHS} from './iban.ts';

export const REDACTIONS = ['secrets', 'pii', 'all'] as const;
export type Redaction = (typeof REDACTIONS)[number];

/** A stretch of a text that a detector takes for what it looks for; `to` is exclusive. */
export interface Match {
  readonly from: number;
  readonly to: number;
}

/** Best effort: what has a form of its own is found, a name or an address in prose is not. */
export interface Detector {
  readonly name: string;
  readonly finds: Exclude<Redaction, 'all'>;
  /** Without it in the text, in any case, there is nothing to find. */
  readonly hint: RegExp;
  find(text: string): Iterable<Match>;
}

/*
 * All patterns take time in proportion to the text: repetitions are bounded, and none stands inside another. What they
 * match is the secret alone, so that quotes and braces around it stay.
 */

/** Every match of `pattern`, or of its group `found` where it has one, that `isMeant`. */
function* matches(text: string, pattern: RegExp, isMeant: (found: string) => boolean = () => true): Generator<Match> {
  for (const match of text.matchAll(pattern)) {
    const found = match.groups?.found ?? match[0];
    // The group is the end of the whole.
    const from = match.index + match[0].lastIndexOf(found);
    if (isMeant(found)) yield {from, to: from + found.length};
  }
}

const plain = (
  name: string,
  finds: Detector['finds'],
  hint: RegExp,
  pattern: RegExp,
  isMeant?: (found: string) => boolean,
): Detector => ({name, finds, hint, find: text => matches(text, pattern, isMeant)});

/** Not in the middle of a word. */
const START = '(?<![A-Za-z0-9])';

/** Shannon's entropy, bits a character: words have some 3, random keys more than 3.5. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

const isRandom = (text: string): boolean => /\d/.test(text) && /[A-Za-z]/.test(text) && entropy(text) >= 3;

/** What stands in place of a secret, or is none: placeholders, references to variables, types of a schema. */
const PLACEHOLDER =
  /^(?:[*x•.]+|<.*>?|\$.*|%.*|\{.*|\[.*|.*(?:redacted|example|placeholder|changeme|your[-_]).*|null|none|true|false|undefined|string|required|optional)$/i;

/** A password may be short and no random key; a word alone is prose. */
const isPassword = (text: string): boolean => !PLACEHOLDER.test(text) && /[\d!-/:-@[-`{-~]/.test(text);
const isSecretValue = (text: string): boolean => !PLACEHOLDER.test(text) && isRandom(text);

/** Names of what is secret; what follows them may be longer names (`api_key_id`). */
const SECRET_WORD =
  'api[_-]?key|apikey|secret|access[_-]?key|private[_-]?key|auth[_-]?token|access[_-]?token|refresh[_-]?token|id[_-]?token|session[_-]?token|client[_-]?secret|bearer[_-]?token|authorization|credential|token';
const PASSWORD_WORD = 'password|passwd|passphrase|pwd';
/** Between a name and its value: `=`, `:`, `=>`, with quotes and blanks around. */
const ASSIGNED = '["\'`]{0,2}[ \\t]{0,3}(?:=>|:=|[=:])[ \\t]{0,3}["\'`]{0,2}';

function* privateKeys(text: string): Generator<Match> {
  for (const match of text.matchAll(/-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g)) {
    const body = match.index + match[0].length;
    const end = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/.exec(text.slice(body, body + LONGEST_KEY));
    // One that was cut off ends where its letters do.
    const cut = /^[A-Za-z0-9+/=\s\\]{0,16000}/.exec(text.slice(body, body + LONGEST_KEY))![0].length;
    yield {from: match.index, to: end ? body + end.index + end[0].length : body + cut};
  }
}
const LONGEST_KEY = 16_000;

const LOCAL_PART = /[\p{L}\p{N}._%+'-]/u;
const DOMAIN = /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}/u;
const LONGEST_LOCAL_PART = 64;
const LONGEST_DOMAIN = 255;

/** From each `@` outwards: a pattern that began with the letters before it would try each of them. */
function* emails(text: string): Generator<Match> {
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    let from = at;
    while (from > 0 && at - from < LONGEST_LOCAL_PART && LOCAL_PART.test(text[from - 1]!)) from--;
    const domain = DOMAIN.exec(text.slice(at + 1, at + 1 + LONGEST_DOMAIN));
    if (from < at && domain) yield {from, to: at + 1 + domain[0].length};
  }
}

/** Lengths and beginnings of what card networks give out (ISO/IEC 7812). */
function isCard(text: string): boolean {
  const digits = text.replace(/[ -]/g, '');
  const {length} = digits;
  const isKnown =
    (/^4/.test(digits) && [13, 16, 19].includes(length)) ||
    (/^(5[1-5]|2(22[1-9]|2[3-9]|[3-6]|7[01]|720))/.test(digits) && length === 16) ||
    (/^3[47]/.test(digits) && length === 15) ||
    (/^3(0[0-5]|[689])/.test(digits) && length === 14) ||
    (/^(35|50|5[6-9]|6)/.test(digits) && length >= 16 && length <= 19);
  return isKnown && isLuhn(digits) && !/^(\d)\1+$/.test(digits);
}

function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    sum += i % 2 === 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit;
  }
  return sum % 10 === 0;
}

function* ibans(text: string): Generator<Match> {
  for (const match of text.matchAll(/(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}/g)) {
    const length = IBAN_LENGTHS.get(match[0].slice(0, 2));
    if (length === undefined) continue;
    let end = 0;
    for (let left = length; left > 0 && end < match[0].length; end++) if (match[0][end] !== ' ') left--;
    const iban = match[0].slice(0, end).replaceAll(' ', '');
    if (iban.length === length && isMod97(iban)) yield {from: match.index, to: match.index + end};
  }
}

/** ISO 13616: letters as numbers, the first four at the end, modulo 97. */
function isMod97(iban: string): boolean {
  let rest = 0;
  for (const char of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(char, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** Addresses of the machine itself tell nothing about anybody. */
const isForeignIPv4 = (text: string): boolean => isIPv4(text) && !/^(127\.|0\.0\.0\.0$|255\.255\.255\.255$)/.test(text);
const isForeignIPv6 = (text: string): boolean => isIPv6(text) && /\d/.test(text) && !/^::1?$/.test(text);

const isPhone = (text: string): boolean => {
  const digits = text.replace(/\D/g, '').length;
  return digits >= 8 && digits <= 15;
};

/** The more telling ones first: of two that match the same the first names it. */
export const DETECTORS: readonly Detector[] = [
  {name: 'private-key', finds: 'secrets', hint: /PRIVATE KEY/, find: privateKeys},
  plain('anthropic-key', 'secrets', /sk-ant-/, new RegExp(`${START}sk-ant-[A-Za-z0-9_-]{10,250}`, 'g')),
  plain(
    'stripe-key',
    'secrets',
    /_(?:live|test)_|whsec_/,
    new RegExp(`${START}(?:[srp]k_(?:live|test)_[A-Za-z0-9]{10,250}|whsec_[A-Za-z0-9+/=]{20,250})`, 'g'),
  ),
  plain('openai-key', 'secrets', /sk-/, new RegExp(`${START}sk-[A-Za-z0-9_-]{20,250}`, 'g'), found => /\d/.test(found)),
  plain(
    'aws-key',
    'secrets',
    /(?:AKIA|ASIA|ABIA|ACCA)/,
    new RegExp(`${START}(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])`, 'g'),
  ),
  plain(
    'github-token',
    'secrets',
    /gh[pousr]_|github_pat_/,
    new RegExp(`${START}(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255})`, 'g'),
  ),
  plain('gitlab-token', 'secrets', /glpat-/, new RegExp(`${START}glpat-[A-Za-z0-9_-]{20,250}`, 'g')),
  plain(
    'slack-token',
    'secrets',
    /xox|xapp-|hooks\.slack\.com/,
    new RegExp(
      `${START}(?:xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-[A-Za-z0-9-]{10,250})|(?<=hooks\\.slack\\.com/)(?:services|workflows)/[A-Za-z0-9/_-]{20,250}`,
      'g',
    ),
  ),
  plain(
    'google-key',
    'secrets',
    /AIza|ya29\.|GOCSPX-/,
    new RegExp(`${START}(?:AIza[A-Za-z0-9_-]{35}|ya29\\.[A-Za-z0-9_-]{20,250}|GOCSPX-[A-Za-z0-9_-]{20,60})`, 'g'),
  ),
  plain(
    'jwt',
    'secrets',
    /eyJ/,
    new RegExp(`${START}eyJ[A-Za-z0-9_-]{8,4000}\\.eyJ[A-Za-z0-9_-]{4,8000}(?:\\.[A-Za-z0-9_-]{0,2000})?`, 'g'),
  ),
  plain(
    'bearer-token',
    'secrets',
    /bearer|basic/i,
    new RegExp(`${START}(?:bearer|basic)[ \\t]{1,3}(?<found>[A-Za-z0-9._~+/=-]{16,4000})`, 'gi'),
    found => /\d/.test(found) && entropy(found.slice(0, 200)) >= 3,
  ),
  plain(
    'connection-password',
    'secrets',
    /:\/\//,
    // Up to the last @: a password may hold one. A port is none.
    /:\/\/[^\s:/@"'`\\<>]{0,100}:(?!\d{1,5}(?:[/?#\s"'`\\]|$))(?<found>[^\s"'`\\<>]{1,200})(?=@)/g,
    found => !PLACEHOLDER.test(found),
  ),
  plain(
    'password',
    'secrets',
    new RegExp(PASSWORD_WORD, 'i'),
    new RegExp(`(?:${PASSWORD_WORD})[\\w-]{0,20}${ASSIGNED}(?<found>[^\\s"'\`,;&}\\]\\\\<>]{4,200})`, 'gi'),
    isPassword,
  ),
  plain(
    'secret-value',
    'secrets',
    new RegExp(SECRET_WORD, 'i'),
    new RegExp(
      `(?:${SECRET_WORD})[\\w-]{0,20}${ASSIGNED}(?:(?:bearer|basic|token)[ \\t]{1,3})?(?<found>[^\\s"'\`,;&}\\]\\\\<>]{12,1000})`,
      'gi',
    ),
    isSecretValue,
  ),
  {name: 'email', finds: 'pii', hint: /@/, find: emails},
  plain(
    'card-number',
    'pii',
    /\d{3}/,
    /(?<![A-Za-z0-9.])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5})(?![A-Za-z0-9])/g,
    isCard,
  ),
  {name: 'iban', finds: 'pii', hint: /[A-Z]{2}\d{2}/, find: ibans},
  plain(
    'ssn',
    'pii',
    /\d{3}-\d{2}-\d{4}/,
    /(?<![A-Za-z0-9-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![A-Za-z0-9-])/g,
  ),
  plain(
    'phone',
    'pii',
    /\d{3}/,
    /(?<![A-Za-z0-9.+-])(?:\+\d(?:[ ()./-]{0,2}\d){7,14}|\(\d{3}\)[ -]?\d{3}[ -]\d{4}|\d{3}([ .-])\d{3}\1\d{4}|0\d{2,5}[ /-]\d{3,4}[ -]?\d{3,5})(?![A-Za-z0-9-])/g,
    isPhone,
  ),
  plain('ipv4', 'pii', /\d\.\d/, /(?<![A-Za-z0-9.])\d{1,3}(?:\.\d{1,3}){3}(?![A-Za-z0-9]|\.\d)/g, isForeignIPv4),
  plain('ipv6', 'pii', /:[0-9a-f]{0,4}:/i, /(?<![A-Za-z0-9:.])[0-9A-Fa-f:]{2,39}(?![A-Za-z0-9:])/g, isForeignIPv6),
];

/** A value that is secret by the name it stands under, where the two are no one text. */
export function isSecretBy(name: string, value: string): boolean {
  if (new RegExp(`(?:${PASSWORD_WORD})`, 'i').test(name)) return value.length >= 4 && isPassword(value);
  return (
    new RegExp(`(?:${SECRET_WORD})`, 'i').test(name) &&
    value.length >= 12 &&
    !/\s/.test(value.trim()) &&
    isSecretValue(value)
  );
}
