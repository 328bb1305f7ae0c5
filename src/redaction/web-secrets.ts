import {allOf, type Detector, entropy, isPlaceholder, isWords, type Match} from '../trace/secrets.ts';
import {mayBeSecret} from './named-values.ts';

/** URL parameters that give access. */
const PARAMETER =
  /(?<=[?&;#](?:amp;)?)(?<name>[\w.-]{0,30}?(?:[Tt]oken|[Kk]ey|[Ss]ecret|[Ss]ig(?:nature)?|[Aa]uth|[Cc]redential|[Pp]assword|pwd|pass|code|ticket|[Ss]ession(?:_?[Ii]d)?|sid|appid|otp|jwt|hash|hmac|nonce|assertion))=(?<found>[^\s&;"'`<>\\#]{6,4000})/g;

function* parameters(text: string): Generator<Match> {
  for (const match of allOf(PARAMETER, text)) {
    const {name, found} = match.groups!;
    const to = match.index + match[0].length;
    const value = found!.replace(/[).,]+$/, '');
    const from = to - found!.length;
    const isSure = /pass|pwd|secret|otp/i.test(name!);
    if (isSure ? !isPlaceholder(value) && /\d/.test(value) : mayBeSecret(value) || isHex(value))
      yield {from, to: from + value.length};
  }
}

const isHex = (value: string): boolean => /^[0-9a-f]{16,}$/i.test(value) && entropy(value) >= 2.5;

/** URLs that are secrets themselves: anybody who knows one can write there. */
const WEBHOOK =
  /(?:discord(?:app)?\.com\/api\/webhooks\/\d{5,25}|webhook\.office\.com\/webhookb2|hooks\.zapier\.com\/hooks\/catch|hook\.[\w.]{2,20}make\.com|chat\.googleapis\.com\/v1\/spaces|open\.feishu\.cn\/open-apis\/bot\/v2\/hook)\/(?<found>[\w@/?=&%.-]{16,400})/g;
/** URLs that let somebody set a password or log in. */
const PATH =
  /\/(?:reset|reset[_-]password|password[_-]reset|verify|verify[_-]email|confirm|confirmation|activate|activation|invite|invitation|invitations|invites|magic|magic[_-]link|login|unsubscribe|join|share|auth|token|sso)\/(?<found>[\w.~%-]{16,500})/g;
/** A URL where the part before the `@` alone gives access: a Sentry DSN, a token for git. */
const USER_ALONE = /:\/\/(?<found>[\w.~%-]{20,400})(?=:?@)/g;

function* addresses(text: string): Generator<Match> {
  for (const pattern of [WEBHOOK, PATH, USER_ALONE])
    for (const {0: whole, index, groups} of allOf(pattern, text)) {
      const found = groups!.found!;
      const isRandom = pattern === WEBHOOK || (/\d/.test(found) && entropy(found) >= 3 && !isWords(found));
      const to = index + whole.length;
      if (isRandom && !isPlaceholder(found)) yield {from: to - found.length, to};
    }
}

/** Cookies that identify somebody, without a header that shows that they are cookies. */
const COOKIE_NAME =
  '[Ss]ession[\\w.-]{0,20}|\\w{0,20}[Ss]ess(?:ion)?(?:_?[Ii][Dd])?|connect\\.sid|sid|\\w{0,10}SID(?:CC|TS)?|li_at|xs|c_user|datr|ct0|[\\w.-]{0,30}(?:csrf|xsrf|CSRF|XSRF)[\\w.-]{0,20}|[\\w.-]{0,30}(?:[Rr]emember|[Aa]uth|[Tt]oken|jwt|login|logged_in)[\\w.-]{0,40}|__(?:Host|Secure)-[\\w.-]{1,40}|\\.[A-Z]\\w{3,40}|cf_clearance';
const COOKIES =
  /(?:[Cc]ookies?["']?[ \t]{0,3}[:=][ \t]{0,3}|COOKIE[ \t]{0,3}[:=][ \t]{0,3}|(?<![\w-])(?:-b|--cookie)[ =]{1,3})(?:["'{ \t]{0,4})(?<all>[^\r\n]{1,8000})/g;
const PAIR = /(?<![\w.-])(?<name>[\w.$-]{1,80})["']?[ \t]{0,2}[=:][ \t]{0,2}["']?(?<found>[^\s;,"'}\\]{8,4000})/g;
const KNOWN = /(?<name>[\w.$-]{2,80})=(?<found>[^\s;,"'&\\<>()[\]]{12,4000})/g;
const IS_KNOWN = new RegExp(`^(?![Ss]ession[._]?[Ii]d$)(?:${COOKIE_NAME})$`);
const OBJECT = new RegExp(
  `["']?name["']?[ \\t]{0,2}:[ \\t]{0,2}["'](?:${COOKIE_NAME})["'],?\\s{0,20}["']?value["']?[ \\t]{0,2}:[ \\t]{0,2}["'](?<found>[^"'\\n]{8,4000})(?=["'])`,
  'g',
);
/** Cookie names for settings, and counters of visits. */
const ATTRIBUTE =
  /^(?:path|domain|expires|max-age|samesite|secure|httponly|priority|version|_ga\w*|_gid|_gat\w*|_fbp|_hj\w*|lang|locale|theme|tz|timezone|consent\w*|OptanonConsent)$/i;

function* cookies(text: string): Generator<Match> {
  for (const header of allOf(COOKIES, text)) {
    const {all} = header.groups!;
    const start = header.index + header[0].length - all!.length;
    for (const pair of allOf(PAIR, all!)) {
      const found = pair.groups!.found!;
      const from = start + pair.index + pair[0].length - found.length;
      if (!ATTRIBUTE.test(pair.groups!.name!) && isCookie(found)) yield {from, to: from + found.length};
    }
  }
  for (const pattern of [KNOWN, OBJECT]) {
    for (const match of allOf(pattern, text)) {
      const {name, found} = match.groups!;
      const to = match.index + match[0].length;
      if ((name === undefined || IS_KNOWN.test(name)) && isCookie(found!)) yield {from: to - found!.length, to};
    }
  }
}

const isCookie = (value: string): boolean => mayBeSecret(value) || (value.length >= 16 && isHex(value));

/** Authorization schemes with many parts: Digest, OAuth 1, AWS, Hawk, Azure. */
const SCHEME =
  /[Aa]uthorization["']{0,2}[ \t]{0,3}[:=,][ \t]{0,3}\\?["']?(?:Digest|AWS4-HMAC-SHA256|OAuth|Hawk|SharedKey(?:Lite)?|SharedAccessSignature|HMAC-SHA256|Signature)[ \t]{1,3}/g;
const PART =
  /(?:response|c?nonce|opaque|oauth_\w{3,20}|[Ss]ignature|mac|sig|hash)=\\?["']?(?<found>[^\s"',;&\\]{8,800})|^[\w.-]{1,80}:(?<key>[\w+/=]{20,200})/g;
const LONGEST_HEADER = 2000;

function authorization(text: string): readonly Match[] {
  return allOf(SCHEME, text).flatMap(({0: start, index}) => {
    const line = /^[^\r\n]*/.exec(text.slice(index + start.length, index + start.length + LONGEST_HEADER))![0];
    return allOf(PART, line).map(({0: part, index: at, groups}) => {
      const to = index + start.length + at + part.length;
      return {from: to - (groups!.found ?? groups!.key!).length, to};
    });
  });
}

export const WEB_DETECTORS: readonly Detector[] = [
  {name: 'url-parameter', finds: 'secrets', hint: /[?&;#][\w.-]{2,40}=/, find: parameters},
  {name: 'secret-url', finds: 'secrets', hint: /:\/\//, find: addresses},
  {name: 'cookie', finds: 'secrets', hint: /[Cc]ookie|COOKIE|-b |value["']?[ \t]?:|=[^\s;,"'&\\<>]{12}/, find: cookies},
  {name: 'authorization', finds: 'secrets', hint: /[Aa]uthorization/, find: authorization},
];
