import {allOf, type Detector, isPlaceholder, type Match} from '../trace/secrets.ts';
import {mayBeSecret} from './named-values.ts';

/** A word of a command line, as a shell reads it, without its quotes. */
const WORD = `(?:"(?<double>[^"\\n]{1,300})"|'(?<single>[^'\\n]{1,300})'|(?<bare>[^\\s"'|;&<>]{1,300}))`;
/** Text between the name of a program and one of its options; in a list of arguments also quotes and commas. */
const BETWEEN = `[^|;\\n]{0,300}?(?<![\\w-])`;

/**
 * Options whose value is a password although their name does not say so, or user and password with a colon. The value
 * follows directly or after a blank.
 */
const OPTIONS: readonly (readonly [programs: string, option: string])[] = [
  ['curl', '(?:-u|--user|-U|--proxy-user)[ =]?'],
  ['wget|http|https', '(?:-a|--auth)[ =]'],
  ['mysql|mysqldump|mysqladmin|mysqlimport|mysqlsh|mariadb|mariadb-dump|7z|7za|rar|unrar|sshpass', '-p'],
  [
    'sshpass|docker login|podman login|helm registry login|buildah login|mongo|mongosh|mongodump|mongorestore|az login|zip|ipmitool|sqlcmd|bcp|unzip',
    '-[pP][ =]',
  ],
  ['redis-cli|valkey-cli', '-a[ =]'],
  ['ldapsearch|ldapadd|ldapmodify|ldapwhoami|ldappasswd', '-w[ =]?'],
  ['smbclient|rpcclient|net rpc', '-U[ =]?'],
  ['openssl', '-pass(?:in|out)? pass:'],
  ['openssl enc', '-[kK][ =]'],
  ['rabbitmqctl', '(?:add_user|change_password) [^\\s]{1,80} '],
  ['net use|net user|cmdkey', '(?:/user:[^\\s]{1,80} |/pass:)'],
  ['xfreerdp|mstsc|rdesktop', '(?:/p:|-p[ =])'],
  ['snmpwalk|snmpget', '-[cAX][ =]'],
];
const SEPARATOR = '["\']?,?[ \\t]{0,3}';
const AFTER_PROGRAM = OPTIONS.map(
  ([programs, option]) =>
    new RegExp(
      `(?<![\\w-])(?:${programs.replaceAll(' ', `${SEPARATOR}["']?`)})(?=[\\s"'])${BETWEEN}${option.replaceAll('[ =]', `(?:=|${SEPARATOR}(?<=[\\s"',]))`)}${WORD}`,
      'g',
    ),
);
const USER_PERCENT = AFTER_PROGRAM[OPTIONS.findIndex(([programs]) => programs.startsWith('smbclient'))];
const PROGRAMS = new RegExp(
  `(?<![\\w-])(?:${OPTIONS.map(([programs]) => programs).join('|')}|chpasswd|htpasswd|sqlplus|sqlldr|expdp|impdp|echo|printf|jdbc)(?![\\w-])`,
);

/**
 * A password that is passed to a program on stdin: `echo … | docker login --password-stdin`, `user:password` for
 * chpasswd.
 */
const PIPED = new RegExp(
  `(?<![\\w-])(?:echo|printf)[ \\t]{1,3}(?:-n[ \\t]{1,3})?(?:["']?%s(?:\\\\n)?["']?[ \\t]{1,3})?${WORD}[ \\t]{0,3}\\|[^|;\\n]{0,100}?(?:--password-stdin|sudo -S|chpasswd|passwd|--with-token|cryptsetup|kinit|gpg|htpasswd)`,
  'g',
);
const HTPASSWD = new RegExp(
  `(?<![\\w-])htpasswd[ \\t]{1,3}-\\w{0,6}b\\w{0,4}[ \\t]{1,3}(?:[^\\s|;]{1,200}[ \\t]{1,3}){1,2}${WORD}`,
  'g',
);
/** Oracle's form for a user, a password and a database. */
const ORACLE =
  /(?<![\w/])(?:sqlplus|sqlldr|expdp|impdp)[ \t]{1,3}(?:-\w{1,3}[ \t]{1,3}){0,3}\w{1,40}\/(?<bare>[^\s@"']{1,100})(?=@)|jdbc:oracle:\w{1,10}:\w{1,40}\/(?<double>[^\s@"']{1,100})(?=@)/g;

/** Only the password, if a user comes before it. */
function* commandLines(text: string): Generator<Match> {
  if (!PROGRAMS.test(text)) return;
  for (const pattern of [...AFTER_PROGRAM, PIPED, HTPASSWD, ORACLE]) {
    for (const match of allOf(pattern, text)) {
      const {double, single, bare} = match.groups!;
      const word = double ?? single ?? bare ?? '';
      const end =
        pattern === PIPED
          ? match.index + match[0].indexOf(word) + word.length
          : match.index + match[0].length - (bare === undefined && pattern !== ORACLE ? 1 : 0);
      const colon = /^[\w.@-]{1,80}[:%](?=.)/.exec(word);
      const hasUser =
        colon !== null &&
        (pattern === AFTER_PROGRAM[0] || pattern === AFTER_PROGRAM[1] || pattern === USER_PERCENT || pattern === PIPED);
      const password = hasUser ? word.slice(colon[0].length) : word;
      if (
        (pattern === AFTER_PROGRAM[0] && !hasUser) ||
        password.length < 3 ||
        isPlaceholder(password) ||
        /^[-/$]/.test(password)
      )
        continue;
      yield {from: end - password.length, to: end};
    }
  }
}

/** The second argument of login functions: `smtp.login("user", "…")`. */
const LOGIN =
  /(?:[Ll]og_?[Ii]n|[Aa]uthenticate|[Bb]asic_?[Aa]uth|[Ss]ign_?[Ii]n|PlainAuth|[Cc]redentials?(?:\.\w{1,20})?|(?<![\w])auth[ \t]{0,2}=[ \t]{0,2})\([ \t]{0,3}(?:"[^"\n]{0,80}"|'[^'\n]{0,80}'|[\w.]{1,60})[ \t]{0,3},[ \t]{0,3}(?:"(?<double>[^"\n]{3,200})"|'(?<single>[^'\n]{3,200})')/g;

/** `wandb login …`, `huggingface-cli login --token …`. */
const LOGIN_TOKEN = /(?<![\w-])login[ \t]{1,3}(?:--?[\w-]{1,30}[ =])?(?<found>[\w-]{20,200})(?![\w-])/g;

function* logins(text: string): Generator<Match> {
  for (const {0: whole, index, groups} of allOf(LOGIN_TOKEN, text)) {
    const to = index + whole.length;
    if (mayBeSecret(groups!.found!)) yield {from: to - groups!.found!.length, to};
  }
  for (const match of allOf(LOGIN, text)) {
    const password = match.groups!.double ?? match.groups!.single!;
    const to = match.index + match[0].length - 1;
    if (!isPlaceholder(password)) yield {from: to - password.length, to};
  }
}

export const COMMAND_DETECTORS: readonly Detector[] = [
  {
    name: 'command-password',
    finds: 'secrets',
    hint: /[\s"'](?:-[-a-zA-Z]|\/p|\/user)|add_user|change_password|\| ?chpasswd|sqlplus|jdbc:oracle/,
    find: commandLines,
  },
  {
    name: 'login-password',
    finds: 'secrets',
    hint: /[Ll]og_?[Ii]n|(?:[Aa]uth|[Ss]ign_?[Ii]n|[Cc]redentials?)[\w =.]{0,20}\(/,
    find: logins,
  },
];
