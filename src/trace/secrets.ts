/*
 * Finds secrets in texts by their form. Errors are cleared of them wherever they are shown or kept; `--redact`
 * removes them from everything else.
 */

/** A range of a text that a detector recognises; `to` is exclusive. */
export interface Match {
  readonly from: number;
  readonly to: number;
}

/** Best effort: it finds values with a form of their own, but no name or address in prose. */
export interface Detector {
  readonly name: string;
  readonly finds: 'secrets' | 'pii';
  /** If this is nowhere in the text, ignoring case, there is nothing to find. */
  readonly hint: RegExp;
  find(text: string): Iterable<Match>;
}

/*
 * All patterns run in time proportional to the text: repetitions are bounded, and none is nested in another. They
 * match only the secret itself, so that quotes and braces around it stay.
 */

/** Every match. No iterator of the language: that compiles the pattern again for each text. */
export function allOf(pattern: RegExp, text: string): readonly RegExpExecArray[] {
  pattern.lastIndex = 0;
  const first = pattern.exec(text);
  if (!first) return NONE;
  const found = [first];
  for (let next = pattern.exec(text); next; next = pattern.exec(text)) {
    if (next[0] === '') pattern.lastIndex++;
    else found.push(next);
  }
  return found;
}
const NONE: readonly never[] = [];

/** Every match of `pattern`, or of its group `found` where it has one, that `isMeant`. */
function matches(text: string, pattern: RegExp, isMeant: (found: string) => boolean = () => true): readonly Match[] {
  const all = allOf(pattern, text);
  if (all.length === 0) return NONE;
  const meant: Match[] = [];
  for (const match of all) {
    const found = match.groups?.found ?? match[0];
    // The group is at the end of the match.
    const from = match.index + match[0].lastIndexOf(found);
    if (isMeant(found)) meant.push({from, to: from + found.length});
  }
  return meant;
}

export const plain = (
  name: string,
  finds: Detector['finds'],
  hint: RegExp,
  pattern: RegExp,
  isMeant?: (found: string) => boolean,
): Detector => ({name, finds, hint, find: text => matches(text, pattern, isMeant)});

/** Not in the middle of a word. */
const START = '(?<![A-Za-z0-9])';

/** Shannon's entropy of its first 200 characters, bits a character: words have some 3, random keys more than 3.5. */
export function entropy(text: string): number {
  const counts = new Uint8Array(128);
  const length = Math.min(text.length, 200);
  for (let i = 0; i < length; i++) counts[text.charCodeAt(i) & 127]!++;
  let bits = 0;
  for (let i = 0; i < 128; i++) {
    const share = counts[i]! / length;
    if (share > 0) bits -= share * Math.log2(share);
  }
  return bits;
}

const isRandom = (text: string): boolean => /\d/.test(text) && /[A-Za-z]/.test(text) && entropy(text) >= 3;

/** Text in the place of a secret that is not one: placeholders, references to variables, types of a schema. */
const PLACEHOLDER =
  /^(?:[*x•.…_-]+|<.*>?|\$[\w{(].*|%\w+%|[{[(].*|(?:the|my|some|new|db|user|old)?[-_]?(?:pass(?:word|wd)?|secret|token|key|pwd|pw)|null|none|nil|true|false|undefined|string|required|optional|hidden|masked|n\/a)[.,;:!?)]{0,3}$/i;
/** One character again and again, as in forms to be filled in, and words that say so. */
const HOLDS_PLACEHOLDER = /redacted|example|placeholder|change[-_]?me|your[-_]|xxxxxx|\.\.\.|…|\*\*\*\*|(.)\1{9}/i;
export const isPlaceholder = (text: string): boolean => {
  const start = text.slice(0, 200);
  return PLACEHOLDER.test(start) || HOLDS_PLACEHOLDER.test(start);
};

/** A password may be short and no random key; a word alone is prose. */
const isPassword = (text: string): boolean => !isPlaceholder(text) && /[\d!-/:-@[-`{-~]/.test(text);
const isSecretValue = (text: string): boolean => !isPlaceholder(text) && isRandom(text);

/** Names of secrets; they may be followed by more of a name (`api_key_id`). */
const SECRET_WORD =
  'api[_-]?key|apikey|secret|access[_-]?key|private[_-]?key|auth[_-]?token|access[_-]?token|refresh[_-]?token|id[_-]?token|session[_-]?token|client[_-]?secret|bearer[_-]?token|authorization|credential|token';
const PASSWORD_WORD = 'password|passwd|passphrase|pwd';
/** Between a name and its value: `=`, `:`, `=>`, with quotes and blanks around. */
const ASSIGNED = '["\'`]{0,2}[ \\t]{0,3}(?:=>|:=|[=:])[ \\t]{0,3}["\'`]{0,2}';

function* privateKeys(text: string): Generator<Match> {
  for (const match of text.matchAll(/-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g)) {
    const body = match.index + match[0].length;
    const end = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/.exec(text.slice(body, body + LONGEST_KEY));
    // A key that was cut off ends where its characters do.
    const cut = /^[A-Za-z0-9+/=\s\\]{0,16000}/.exec(text.slice(body, body + LONGEST_KEY))![0].length;
    // Of one that stands for any, dots are left.
    if (!/[A-Za-z0-9+/=]{8}/.test(text.slice(body, end ? body + end.index : body + cut))) continue;
    yield {from: match.index, to: end ? body + end.index + end[0].length : body + cut};
  }
}
const LONGEST_KEY = 16_000;

/**
 * How tokens of services begin, and what must follow where the beginning alone could be a word. Facts of gitleaks' rules
 * (config/gitleaks.toml, MIT) and of the services' own pages; those with a detector of their own are not here.
 */
const TOKEN_FORMS =
  // Models, and what agents use.
  (
    'sk-(?:or|lf)- xai- pplx- gsk_ nvapi- csk- tgp_v1_ lsv2_(?:pt|sk)_ ls__ pcsk_ jina_ e2b_ ' +
    'fc-(?=[0-9a-f]{32}$) apify_api_ r8_(?=\\w{37}) tvly- hf_(?=[A-Za-z0-9]{30}) api_org_ KGAT_ rpa_ ' +
    'sess-(?=\\w{40}$) sk_(?=[0-9a-f]{40}) phx_ secret_(?=[A-Za-z0-9]{43}$) ntn_ bedrock-api-key- ABSK ' +
    // Clouds and hosts.
    'dapi(?=[0-9a-f]{32}) do[opr]_v1_ dp\\.[a-z]{2,5}\\. dt0[a-z]\\d\\d\\. fo1_ fm[12][ar]?_ HRKU- tskey- ' +
    'LTAI(?=[A-Za-z0-9]{12,20}$) hv[sbr]\\. s\\.(?=[A-Za-z0-9]{24}$) \\w{14}\\.atlasv1\\. ' +
    'pul-(?=[0-9a-f]{40}$) sbp_ sb_secret_ pscale_[a-z]{2,5}_ nfp_ rnd_ [\\w~.]{3}\\dQ~ sha256~ ' +
    'v1\\.0-(?=[0-9a-f]{24}-) 4b1d(?=[A-Za-z0-9]{38}$) ops_eyJ A3-(?=[A-Z0-9]{6}-) AGE-SECRET-KEY-1 ' +
    'NR(?:AK|II|JS|BR)- amzn\\.mws\\. glc_ glsa_ eyJrIjoi sntry[su]_ sgp_ sq[apu]_(?=[0-9a-f]{40}$) pnu_ ' +
    'IQoJb3JpZ2lu FwoGZXIvYXdz ' +
    // Code and packages.
    'gl(?:dt|ft|rt|cbt|ptt|soat|imt|agent|oas|ffct)- GR1348941 AT(?:ATT3|CTT3|BB) npm_(?=[A-Za-z0-9]{36}) ' +
    'pypi-AgE rubygems_ oy2(?=[a-z0-9]{43}$) CLOJARS_ dckr_[a-z]{3}_ AKCp(?=[A-Za-z0-9]{69}) ' +
    'cmVmd(?=[A-Za-z0-9]{59}$) CCIPAT_ bkua_ figd_ CFPAT- lin_(?:api|oauth)_ PMAK- rdme_ ico-(?=\\w{32}$) ' +
    'API-(?=[A-Z0-9]{26}$) ' +
    // Payments, shops, messages.
    'SG\\. xkeysib- xsmtpsib- key-(?=[0-9a-f]{32}$) [0-9a-f]{32}-us\\d SK(?=[0-9a-f]{32}$) ' +
    'shp(?:at|ca|pa|ss)_ sq0[a-z]{3}- EAA[A-Z](?=\\w{40}) shippo_ duffel_ EZ[AT]K(?=\\w{54}) FLWSECK ' +
    'rzp_(?:live|test)_ (?:live|test)_(?=[A-Za-z0-9]{30}$) pat-[a-z]{2}\\d- sl\\.(?=[\\w-]{60}) syt_ ' +
    'c[ks]_(?=[0-9a-f]{40}$) pat\\w{14}\\.(?=[0-9a-f]{64}) p8e- tk-us- fio-u- sm_[aps]at_ ' +
    'mfa\\.(?=[\\w-]{60}) ' +
    // Discord: the number of a bot in Base64, a time, a signature.
    '[MNO][\\w-]{22,27}\\.[\\w-]{6}\\.(?=[\\w-]{27})'
  ).split(' ');
const TOKEN = new RegExp(`^(?:${TOKEN_FORMS.join('|')})`);
/** Those whose rest may hold more characters than words do. */
const BASE64_TOKEN = /^(?:glc_|fm\d|ABSK|eyJr|IQoJ|FwoG|ATATT)/;

/** The number of a bot or of an app, and its token; a token of Google's that refreshes others. */
const NUMBERED_TOKEN = /(?:\d{8,10}:AA[\w-]{32,34}|\d{15,16}\|[\w-]{27,40}|1\/\/0[\w-]{40,200})(?![\w-])/g;
const PART_OF_WORD = /[\w.~-]{16,2000}/g;

/** Words that are as long as tokens are, by their beginnings. */
function serviceTokens(text: string): readonly Match[] {
  const tokens: Match[] = [];
  for (const long of longWords(text)) {
    for (const {0: word, index} of allOf(PART_OF_WORD, long.text)) {
      if (!TOKEN.test(word)) continue;
      const found = word.replace(/[.~-]{1,9}$/, '');
      if (
        (!/\d/.test(found) && !/[a-z][A-Z].{0,60}[a-z][A-Z]/.test(found)) ||
        entropy(found) < 3 ||
        isWords(found) ||
        isPlaceholder(found)
      )
        continue;
      const end = index + found.length;
      const more = BASE64_TOKEN.test(found) ? /^[\w+/=-]{0,2000}/.exec(long.text.slice(end, end + 2000))![0].length : 0;
      tokens.push({from: long.from + index, to: long.from + end + more});
    }
  }
  if (/:AA|\||1\/\/0/.test(text))
    for (const {0: token, index} of allOf(NUMBERED_TOKEN, text)) tokens.push({from: index, to: index + token.length});
  return tokens;
}

/** Words of at least 16 characters, with the signs that keys are written with. */
export interface LongWord {
  readonly from: number;
  readonly text: string;
}
const LONG_WORD = 16;
const IS_LETTER = new Uint8Array(128);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~+/=-')
  IS_LETTER[char.charCodeAt(0)] = 1;
let lastText = '';
let lastWords: readonly LongWord[] = [];

/** Several detectors look at them, one after the other. */
export function longWords(text: string): readonly LongWord[] {
  if (text === lastText) return lastWords;
  const words: LongWord[] = [];
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? text.charCodeAt(at) : 0;
    if (code < 128 && IS_LETTER[code] === 1) continue;
    if (at - from >= LONG_WORD) words.push({from, text: text.slice(from, at)});
    from = at + 1;
  }
  lastText = text;
  lastWords = words;
  return words;
}

/** Words and numbers with something between them, as names of things are: `gpt-4o-mini`, `prod_db_02`. */
export const isWords = (text: string): boolean =>
  text.split(/[-_.:/ ]+/).every(part => /^(?:[A-Za-z]{0,16}\d{0,4}|\d{1,8}|[a-z]?\d{1,4}[a-z]{1,3})$/.test(part));

/** Secrets by the forms that services give them. The more telling ones first: of two that match the same the first names it. */
export const FORM_DETECTORS: readonly Detector[] = [
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
    found => !isPlaceholder(found),
  ),
  {name: 'service-token', finds: 'secrets', hint: /[\w.~-]{16}/, find: serviceTokens},
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
    found => /\d/.test(found) && entropy(found) >= 3,
  ),
  plain(
    'connection-password',
    'secrets',
    /:\/\//,
    // Up to the last @, because a password may contain one. A port is not a password.
    /:\/\/[^\s:/@"'`\\<>]{0,100}:(?!\d{1,5}(?:[/?#\s"'`\\]|$))(?<found>[^\s"'`\\<>]{1,200})(?=@)/g,
    found => !isPlaceholder(found),
  ),
];

/** Values by the names before them. */
const NAMED_DETECTORS: readonly Detector[] = [
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
];

/**
 * What an error says about a key that was refused: it may be too short to be recognised, or not a key at all, but it
 * is somebody's.
 */
const REFUSED_KEY = plain(
  'refused-key',
  'secrets',
  /sk-|key/i,
  /(?<![A-Za-z0-9])(?:sk-|(?:api|access|secret|auth)[ _-]?key(?: (?:provided|given|used))?["']?[:=] ?["']?)(?<found>[\w*-]{6,250})/gi,
  found => /[\d*]/.test(found),
);
const OF_ERRORS = [...FORM_DETECTORS, ...NAMED_DETECTORS, REFUSED_KEY];
/** Without one of these words there is no secret, and most errors have none. */
const MAY_HOLD_SECRET = new RegExp(OF_ERRORS.map(({hint}) => hint.source).join('|'), 'i');

/** The text of an error or of a reason, without its secrets. */
export function withoutSecrets(text: string): string {
  if (!MAY_HOLD_SECRET.test(text)) return text;
  const found = OF_ERRORS.filter(({hint}) => hint.test(text)).flatMap(({name, find}) =>
    [...find(text)].map(match => ({...match, name})),
  );
  found.sort((a, b) => a.from - b.from || b.to - a.to);
  let clean = '';
  let at = 0;
  for (const {from, to, name} of found) {
    if (from >= at) clean += `${text.slice(at, from)}[redacted:${name}]`;
    at = Math.max(at, to);
  }
  return clean + text.slice(at);
}
