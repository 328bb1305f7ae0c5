import {allOf, type Detector, longWords, type Match, plain} from '../trace/secrets.ts';

/**
 * Passwords as systems store them (crypt, LDAP, Django, PostgreSQL): a hash allows unlimited attempts to guess the
 * password.
 */
const HASH =
  /(?<![\w$])(?:\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|md5|sha1|scrypt|argon2(?:id?|d)|pbkdf2[\w-]{0,20})\$[\w./+,=$-]{16,300}|\{(?:S?SHA\d{0,3}|S?MD5|CRYPT|PBKDF2[\w-]{0,10})\}[\w./+=$]{16,300}|(?:pbkdf2_sha\d{1,3}|bcrypt_sha256|scrypt|argon2)\$[\w./+,=$-]{20,300}|SCRAM-SHA-\d{1,3}\$[\w./+:=$]{40,300})/g;

/** Base64 of keys, of user and password, and of other texts that contain a secret. */
const BASE64 = /[A-Za-z0-9+/_-]{16,16000}={0,2}/g;
const LONGEST_DECODED = 8000;

function encoded(text: string, inner: readonly Detector[]): readonly Match[] {
  const secrets: Match[] = [];
  for (const long of longWords(text)) {
    // Base64 of a text has letters of both kinds; names and hexadecimal digits have not.
    if (!/[a-z]/.test(long.text) || !/[A-Z]/.test(long.text)) continue;
    for (const {0: found, index} of allOf(BASE64, long.text)) {
      // Most words contain something else: four characters give three bytes.
      if (!isText(Buffer.from(found.slice(0, 24), 'base64'))) continue;
      const bytes = Buffer.from(found.slice(0, LONGEST_DECODED), 'base64');
      if (!isText(bytes)) continue;
      const decoded = bytes.toString('latin1');
      if (decoded.includes('PRIVATE KEY') || holdsSecret(decoded, inner))
        secrets.push({from: long.from + index, to: long.from + index + found.length});
    }
  }
  return secrets;
}

/** Parts of keys in JSON (RFC 7517) and in PuTTY's files, without enclosing lines. */
const KEY_PARTS =
  /["'](?:d|p|q|dp|dq|qi|k)["'][ \t]{0,2}:[ \t]{0,2}["'](?<found>[\w-]{20,800})(?=["'])|Private-Lines: \d{1,3}\r?\n(?<lines>(?:[A-Za-z0-9+/=]{1,80}(?:\r?\n|$)){1,80})/g;

function keyParts(text: string): readonly Match[] {
  return allOf(KEY_PARTS, text).map(({0: whole, index, groups}) => {
    const found = groups!.found ?? groups!.lines!.trimEnd();
    const from = index + whole.lastIndexOf(found);
    return {from, to: from + found.length};
  });
}

/** Recovery phrases of wallets, and codes that are valid once. */
const PHRASE =
  /(?:seed|recovery|mnemonic|secret)[ _-]?(?:phrase|words?)?["']{0,2}[ \t]{0,2}(?::|=|is)[ \t]{0,2}["']?(?<found>(?:[a-z]{3,8} ){11,23}[a-z]{3,8})(?![\w ]*[.!?] [A-Z])/gi;
const CODE =
  /(?:(?<![A-Za-z])(?:OTP|TOTP|TAN|PIN|CVV2?|CVC2?|otp|pin|cvv|cvc)(?:[ -]?[Cc]ode)?|(?:verification|security|confirmation|login|one-time|access|2FA|authentication) (?:code|password|pin|passcode)|[Bb]estätigungscode)["'*]{0,3}[ \t]{0,2}(?:(?: [a-z]{2,12}){0,4}? ?(?::|=|is|lautet|ist))[*"' \t]{0,4}(?<found>\d{3,4}[ -]?\d{0,4})(?![\w.,-]?\d)/g;

const isText = (bytes: Buffer): boolean =>
  bytes.length >= 10 && bytes.every(byte => (byte >= 0x20 && byte < 0x7f) || byte === 10 || byte === 13 || byte === 9);

function holdsSecret(text: string, inner: readonly Detector[]): boolean {
  // User and password, as in HTTP and container registries.
  if (/^[\w.@+-]{2,60}:[^\s:]{6,200}$/.test(text)) return true;
  for (const {hint, find} of inner) if (hint.test(text)) for (const _ of find(text)) return true;
  return false;
}

export const storedDetectors = (inner: readonly Detector[]): readonly Detector[] => [
  plain('password-hash', 'secrets', /\$\w{1,12}\$|\{\w{3,16}\}|SCRAM-/, HASH),
  {name: 'key-part', finds: 'secrets', hint: /["']kty["']|Private-Lines/, find: keyParts},
  plain('recovery-phrase', 'secrets', /[Ss]eed|[Rr]ecovery|[Mm]nemonic|[Ss]ecret [Pp]hrase/, PHRASE),
  plain('one-time-code', 'secrets', /[Cc]ode|OTP|otp|TAN|PIN|pin|[Cc][Vv][VvCc]|one-time/, CODE),
  {name: 'encoded-secret', finds: 'secrets', hint: /[A-Z]/, find: text => encoded(text, inner)},
];
