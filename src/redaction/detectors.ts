import {isIPv4, isIPv6} from 'node:net';
import {type Detector, type Match, plain, SECRET_DETECTORS} from '../trace/secrets.ts';
import {IBAN_LENGTHS} from './iban.ts';

export type {Detector} from '../trace/secrets.ts';
export {isSecretBy} from '../trace/secrets.ts';

export const REDACTIONS = ['secrets', 'pii', 'all'] as const;
export type Redaction = (typeof REDACTIONS)[number];

const LOCAL_PART = /[\p{L}\p{N}._%+'-]/u;
const DOMAIN = /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}/u;
const LONGEST_LOCAL_PART = 64;
const LONGEST_DOMAIN = 255;

/** Searches outwards from each `@`: a pattern that began with the letters before it would be tried at each of them. */
function* emails(text: string): Generator<Match> {
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    let from = at;
    while (from > 0 && at - from < LONGEST_LOCAL_PART && LOCAL_PART.test(text[from - 1]!)) from--;
    const domain = DOMAIN.exec(text.slice(at + 1, at + 1 + LONGEST_DOMAIN));
    if (from < at && domain) yield {from, to: at + 1 + domain[0].length};
  }
}

/** Lengths and prefixes that card networks issue (ISO/IEC 7812). */
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

/** Addresses of the machine itself reveal nothing about anybody. */
const isForeignIPv4 = (text: string): boolean => isIPv4(text) && !/^(127\.|0\.0\.0\.0$|255\.255\.255\.255$)/.test(text);
const isForeignIPv6 = (text: string): boolean => isIPv6(text) && /\d/.test(text) && !/^::1?$/.test(text);

const isPhone = (text: string): boolean => {
  const digits = text.replace(/\D/g, '').length;
  return digits >= 8 && digits <= 15;
};

/** The more specific ones first: if two match the same text, the first names it. */
export const DETECTORS: readonly Detector[] = [
  ...SECRET_DETECTORS,
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
