import {createHash} from 'node:crypto';
import {isIPv4, isIPv6} from 'node:net';
import {countrySpecs, isValidIBAN} from 'ibantools';
import {allOf, type Detector, longWords, type Match, plain} from '../trace/secrets.ts';

const LOCAL_PART = /[\p{L}\p{N}._%+'-]/u;
const DOMAIN = /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}(?:xn--[a-z0-9-]{2,40}|\p{L}{2,24})/u;
const LONGEST_LOCAL_PART = 64;
const LONGEST_DOMAIN = 255;
/** File extensions: `logo@2x.png`. */
const FILE_ENDING =
  /\.(?:png|jpe?g|gif|svg|webp|avif|ico|bmp|css|m?js|cjs|tsx?|jsx|json|map|html?|xml|py|rb|rs|whl|tgz|gz|zip|pdf|mp[34])$/i;
/** Addresses in manuals: nobody has an address at domains that are reserved for examples (RFC 2606). */
const NOBODYS =
  /^(?:you|your[._-]?(?:name|e?mail)?|user(?:name)?\d?|name|e?mail|me|some(?:one|body)|test(?:er|user)?\d?|foo|bar|baz|john[._]?doe|jane[._]?doe|first(?:name)?[._]last(?:name)?|info|hello|no-?reply|support|contact|admin|recipient|sender|customer|person)@(?:[\w-]+\.)?(?:example\.(?:com|org|net|edu)|[\w-]+\.(?:example|test|invalid|localhost)|(?:your-?)?(?:domain|company|email|mail|site)\.(?:com|org|net|tld))$/i;
/** The source of a repository: `git@host:owner/name`. */
const IS_REPOSITORY = /^:[\w~.-]+\//;

/** Searches outwards from each `@`: a pattern that began with the letters before it would be tried at each of them. */
function* emails(text: string): Generator<Match> {
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    let from = at;
    while (from > 0 && at - from < LONGEST_LOCAL_PART && LOCAL_PART.test(text[from - 1]!)) from--;
    const domain = DOMAIN.exec(text.slice(at + 1, at + 1 + LONGEST_DOMAIN))?.[0];
    if (from === at || domain === undefined || FILE_ENDING.test(domain)) continue;
    const to = at + 1 + domain.length;
    // The user in a URL without a password: `postgres://app@host`.
    if (text.slice(Math.max(0, from - 3), from) === '://') continue;
    if (text.slice(from, at) === 'git' && IS_REPOSITORY.test(text.slice(to, to + 100))) continue;
    if (!NOBODYS.test(text.slice(from, to))) yield {from, to};
  }
}

/** Addresses hidden from programs: `name [at] host [dot] com`. */
const SPELLED =
  /(?<![\w.])[\w.+-]{2,40}[ \t]{0,2}(?:\[at\]|\(at\)|\{at\}|<at>| AT | at )[ \t]{0,2}[\w-]{2,40}(?:[ \t]{0,2}(?:[[({<](?:dot|punkt|punt|point|punto|ponto)[\])}>]| DOT | dot | punkt )[ \t]{0,2}[\w-]{2,24}){1,3}|(?<![\w.])[\w.+-]{2,40}[ \t]{0,2}(?:\[at\]|\(at\)|\{at\})[ \t]{0,2}[\w-]{2,40}(?:\.[\w-]{2,24}){1,3}/gi;

/** Lengths and prefixes that card networks issue (ISO/IEC 7812). */
function isCard(text: string): boolean {
  const digits = text.replace(/\D/g, '');
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

/**
 * The longest account number of any country has 34 characters; the library knows the lengths, forms and check digits.
 */
const IBAN = /(?<![A-Za-z0-9])(?:[A-Z]{2}\d{2}(?:[ .+-]?[A-Z0-9]){11,30}|[a-z]{2}\d{2}(?:[ .+-]?[a-z0-9]){11,30})/g;

function ibans(text: string): readonly Match[] {
  const found: Match[] = [];
  for (const {0: candidate, index} of allOf(IBAN, text)) {
    // The following text may look like a continuation: a sentence in capitals.
    const length = countrySpecs[candidate.slice(0, 2).toUpperCase()]?.chars ?? 0;
    let end = 0;
    for (let left = length; left > 0 && end < candidate.length; end++) if (/[A-Za-z0-9]/.test(candidate[end]!)) left--;
    const iban = candidate
      .slice(0, end)
      .replace(/[ .+-]/g, '')
      .toUpperCase();
    if (iban.length === length && isValidIBAN(iban)) found.push({from: index, to: index + end});
  }
  return found;
}

/**
 * Addresses of the machine itself, broadcast addresses, addresses in manuals (RFC 5737, RFC 3849) and masks reveal
 * nothing about anybody.
 */
const isForeignIPv4 = (text: string): boolean =>
  isIPv4(text) && !/^(?:127|0|255|22[4-9]|23\d|24\d|25[0-4])\.|^(?:192\.0\.2|198\.51\.100|203\.0\.113)\./.test(text);
const isForeignIPv6 = (text: string): boolean =>
  isIPv6(text) &&
  /\d/.test(text) &&
  !/^(?:::|0*:.*:0*1?$|ff[0-9a-f]{2}:|2001:0?db8:)|::$/i.test(text) &&
  text.split(/:+/).filter(Boolean).length > 2;

/** United States: with hyphens the form is unique; without them its name must be near. */
const SSN = /\d{3}(?<sign>[-. ]?)\d{2}\k<sign>\d{4}(?![\w-])/g;
const SSN_NAME = /SSN|ssn|[Ss]ocial(?:[ _][Ss]ecurity)?(?! media)|SOCIAL SECURITY/;

function socialSecurityNumbers(text: string): readonly Match[] {
  const isNamed = SSN_NAME.test(text);
  return allOf(SSN, text)
    .filter(({0: found, index, groups}) => {
      if (/[\w-]/.test(text[index - 1] ?? '') || /^(?:000|666|9)|^\d{3}\D?00|0000$/.test(found)) return false;
      return groups!.sign === '-' || (isNamed && SSN_NAME.test(text.slice(Math.max(0, index - 60), index)));
    })
    .map(({0: found, index}) => ({from: index, to: index + found.length}));
}

/** Hardware addresses: a phone or a laptop identifies a person. */
const MAC =
  /[0-9A-Fa-f](?<![\w:.-].)(?:[0-9A-Fa-f](?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})|[0-9A-Fa-f]{3}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![\w:-]|\.\w)/g;
const isMac = (text: string): boolean =>
  /[a-f]/i.test(text)
    ? !/^(?:(?:ff|00)[:.-]?)+$/i.test(text) && !/^(?:33[:-]33|01[:-]00[:-]5e|00[:-]00[:-]5e[:-]00[:-]53)/i.test(text)
    : /^\d\d[:-]/.test(text) && !/^(?:00[:-]?)+$/.test(text);

/** Wallets: Bitcoin, Dogecoin, Litecoin and Tron (Base58 with a checksum), Bitcoin's Bech32, Ethereum. */
const WALLET =
  /(?<![\w.-])(?:[123DLMT][1-9A-HJ-NP-Za-km-z]{25,34}|(?:bc1|ltc1|tb1)[02-9ac-hj-np-z]{38,59}|0x[0-9a-fA-F]{40}|[1-9A-HJ-NP-Za-km-z]{32,95})(?![\w-])/g;
/** Addresses of other chains have no checksums, so their name must be near. */
const isNamedWallet = (text: string, from: number, word: string): boolean =>
  /^[1-9A-HJ-NP-Za-km-z]{32,44}$|^[48][1-9A-HJ-NP-Za-km-z]{94}$/.test(word) &&
  /\d/.test(word) &&
  /(?:wallet|solana|\bsol\b|monero|xmr|phantom|payout address)[^\n]{0,30}$/i.test(
    text.slice(Math.max(0, from - 60), from),
  );
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

function wallets(text: string): readonly Match[] {
  const found: Match[] = [];
  for (const long of longWords(text)) {
    // The shortest has 26 letters and digits, and names have signs between them.
    if (long.text.length < 26 || !/[A-Za-z0-9]{26}/.test(long.text)) continue;
    for (const {0: word, index} of allOf(WALLET, long.text))
      if (isWallet(word) || isNamedWallet(text, long.from + index, word))
        found.push({from: long.from + index, to: long.from + index + word.length});
  }
  return found;
}

function isWallet(text: string): boolean {
  if (/^(?:bc1|ltc1|tb1)/.test(text)) return true;
  if (!/^[123DLMT0]/.test(text) || text.length > 42) return false;
  if (text.startsWith('0x')) return new Set(text.slice(2).toLowerCase()).size > 6;
  let number = 0n;
  for (const char of text) number = number * 58n + BigInt(BASE58.indexOf(char));
  const bytes = Buffer.from(number.toString(16).padStart(50, '0'), 'hex');
  if (bytes.length !== 25) return false;
  const digest = (part: Buffer) => createHash('sha256').update(part).digest();
  return digest(digest(bytes.subarray(0, 21)))
    .subarray(0, 4)
    .equals(bytes.subarray(21));
}

/** The machine-readable lines of passports and cards (ICAO 9303). */
const MRZ = /(?<![A-Z0-9<])(?=[A-Z0-9]{0,43}<)[A-Z0-9<]{30,44}(?![A-Z0-9<])/g;
const isMrz = (text: string): boolean => {
  if (![30, 36, 44].includes(text.length)) return false;
  return (
    /^[PIACV][A-Z<][A-Z<]{3}[A-Z0-9<]+<|^[A-Z<]+<<[A-Z<]+$/.test(text) ||
    /^[A-Z0-9<]{9}[0-9<][A-Z<]{3}\d{7}[MFX<]\d{7}|^\d{7}[MFX<]\d{7}[A-Z<]{3}/.test(text)
  );
};

/** A location: two coordinates as maps write them, or values of keys for latitude and longitude. */
const PAIR = /(?<lat>-?\d{1,2}\.\d{4,15})(?:,[ \t]?|%2C|[ \t])(?<lng>-?\d{1,3}\.\d{4,15})(?!\d|\.\d|[,;]? ?-?\d)/g;
const NAMED_DEGREE =
  /(?:\b|_)(?:[Ll]at|[Ll]atitude|LAT|[Ll]ng|[Ll]on|LNG|LON|[Ll]ong|[Ll]ongitude|GPSLatitude|GPSLongitude)["']{0,2}[ \t]{0,2}[:=][ \t]{0,2}["']?(?<found>-?\d{1,3}\.\d{3,15})/g;
const DEGREES =
  /\d{1,3}°[ ]?\d{1,2}['′’][ ]?\d{1,2}(?:\.\d{1,4})?["″”]?[ ]?[NSns][,;]?[ ]{0,3}\d{1,3}°[ ]?\d{1,2}['′’][ ]?\d{1,2}(?:\.\d{1,4})?["″”]?[ ]?[EWOewo]|\d{1,3}\.\d{3,8}[ ]?°[ ]?[NSns][,;]?[ ]{0,3}\d{1,3}\.\d{3,8}[ ]?°[ ]?[EWOewo]/g;
const ABOUT_PLACES =
  /(?<![a-z])(?:lat|lng|lon|long|latitude|longitude|latlng|gps\w*|coord\w*|koordinaten|location|position|maps?|geo\w*|here|where|standort|place|near|at|arrived?|point)(?![a-z])|@$/i;

function* coordinates(text: string): Generator<Match> {
  for (const match of allOf(PAIR, text)) {
    const {lat, lng} = match.groups!;
    const before = text.slice(Math.max(0, match.index - 60), match.index);
    // One value in a list of figures.
    if (/[\d.-]$|\d[,;]? $|\d[,;]$/.test(before)) continue;
    const [north, east] = [Math.abs(Number(lat)), Math.abs(Number(lng))];
    // Both below one is in the sea off Africa, so these are ordinary figures.
    if (north > 90 || east > 180 || (north < 1 && east < 1)) continue;
    if (ABOUT_PLACES.test(before)) yield {from: match.index, to: match.index + match[0].length};
  }
  for (const pattern of [NAMED_DEGREE, DEGREES])
    for (const {0: whole, index, groups} of allOf(pattern, text))
      yield {from: index + whole.length - (groups?.found ?? whole).length, to: index + whole.length};
}

export const PERSONAL_DETECTORS: readonly Detector[] = [
  {name: 'email', finds: 'pii', hint: /@/, find: emails},
  plain('spelled-email', 'pii', /[[({<]at[\])}>]| at .{2,40} dot | AT .{2,40} DOT /i, SPELLED),
  plain(
    'card-number',
    'pii',
    /\d{4}/,
    /(?<![A-Za-z0-9.])(?:\d{13,19}|\d{4}([ .+-])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ .+-])\d{6}\2\d{4,5})(?![A-Za-z0-9])/g,
    isCard,
  ),
  {name: 'iban', finds: 'pii', hint: /[A-Za-z]{2}\d{2}/, find: ibans},
  {name: 'ssn', finds: 'pii', hint: /\d{3}-\d{2}-\d{4}|[Ss][Ss][Nn]|[Ss]ocial|SOCIAL/, find: socialSecurityNumbers},
  plain('mac-address', 'pii', /[:-][0-9A-Fa-f]{2}[:-]|\.[0-9A-Fa-f]{4}\./, MAC, isMac),
  {name: 'wallet', finds: 'pii', hint: /\d/, find: wallets},
  plain('travel-document', 'pii', /<<|<\d/, MRZ, isMrz),
  {name: 'coordinates', finds: 'pii', hint: /\d\.\d{3}|\d°/, find: coordinates},
  plain(
    'ipv4',
    'pii',
    /\d\.\d/,
    /(?<![A-Za-z0-9.]|(?:[Vv]ersion|[Rr]elease|[Vv]er\.?|[Bb]uild|[Ff]irmware|[Aa]ssembly|[Dd]river|Chrome\/?|Edg\/?)[/ :="'-]{0,3})\d{1,3}(?:\.\d{1,3}){3}(?![A-Za-z0-9]|\.\d|(?<=\.0)\/\d)/g,
    isForeignIPv4,
  ),
  plain('ipv6', 'pii', /:[0-9a-f]{0,4}:/i, /(?<![A-Za-z0-9:.])[0-9A-Fa-f:]{2,39}(?![A-Za-z0-9:])/g, isForeignIPv6),
];
