import {allOf, type Detector, type Match} from '../trace/secrets.ts';

/** Digits grouped like telephone numbers, of any length; the text around decides. */
const CANDIDATE =
  /\d(?:[ \t]?[-./+()][ \t]?|[ \t])?(?:\(?\d\)?(?:[ \t]?[-./+()][ \t]?|[ \t])?){4,18}\d(?![\w@$€£%]|[-.,:/]\d|[ \t]?[-+*/=][ \t]?\d| \d)/g;
/** What must not precede one: the rest of a longer number, of a word, or of an amount. */
const NOT_BEFORE = /[\w.@#$€£/-]$|[\d)][ ,.:=]$|\d - $/;
const NAMED =
  /(?:\b|_)(?:tel|tél|telephone|telefono|teléfono|telefon\w*|téléphone|phone\w*|mobile?|mobil\w*|cell\w*|celular|fax|whats ?app|sms|handy\w*|festnetz|rufnummer|durchwahl|hotline|msisdn|caller|callee|portable|gsm)(?![a-z])[^\n\d]{0,30}$|(?:電話|連絡先|携帯|телефон|тел|номер|手机|电话|전화|☎|📞|📱)[^\n\d]{0,20}$/iu;
/** Words that are not only about telephones. */
const CALLED =
  /(?:\b|_)(?:call\w*|signal|text(?: me)?|ring|dial\w*|contact\w*|reach\w*)(?![a-z])[^\n\d]{0,30}$|(?:\b|_)(?:from|to|recipient|number|nummer)(?:'s|(?![a-z]))["':=( \t]{0,6}$/iu;
/** Words for other kinds of numbers. */
const OTHERWISE =
  /(?:\b|_)(?:tag|order|ticket|no|nr|number|invoice|ref\w*|ids?|version|port|rows?|lines?|pages?|isbn|issn|sku|batch|code|rev|build|article|part|serial|tracking|case|zip|plz|flight|room|model|version|step|epoch|total|sum|size|bytes|account|seed|offset|range|bestell\w*|auftrag\w*|rechnung\w*|kunden\w*)\.?["']?[ \t]{0,2}[:=#]?[ \t]{0,2}["']?$/i;
/** Dates and fractions. */
const IS_FIGURE = /^\d{4}[-./]\d{1,2}[-./]\d{1,2}|^\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d|^\d+\.\d+$/;

function* phones(text: string): Generator<Match> {
  for (const {0: digits, index} of allOf(CANDIDATE, text)) {
    let opening = /(?:\+|\(\+?|\+ ?\()?$/.exec(text.slice(Math.max(0, index - 3), index))![0];
    // A parenthesis that belongs to the sentence.
    if (opening.startsWith('(') && !digits.includes(')')) opening = opening.slice(1);
    const from = index - opening.length;
    const before = text.slice(Math.max(0, from - 50), from);
    if (!NOT_BEFORE.test(before) && isPhone(opening + digits, before)) yield {from, to: index + digits.length};
  }
}

function isPhone(found: string, before: string): boolean {
  const digits = found.replace(/\D/g, '');
  if (digits.length < 7 || digits.length > 15 || IS_FIGURE.test(found) || /^(\d)\1+$/.test(digits)) return false;
  if (/^\(?\+/.test(found)) return digits.length >= 8 && /^[1-9]/.test(digits);
  const isNamed = NAMED.test(before);
  if (!isNamed && OTHERWISE.test(before)) return false;
  const isCalled = isNamed || CALLED.test(before);
  const isGrouped = /\D/.test(found);
  // International, without the plus.
  if (/^00[1-9]/.test(digits) && digits.length >= 11) return isCalled || isGrouped;
  if (isNamed) return digits.length <= 13 && (isGrouped || digits.length >= 9);
  if (isCalled && isGrouped) return digits.length <= 13 && groups(found) <= 5;
  // North American numbering plan: neither part begins with 0 or 1.
  if (/^(?:1[ .-])?(?:\([2-9]\d\d\) ?[2-9]\d\d[ .-]|[2-9]\d\d(?<sign>[.-])\d{3}\k<sign>)\d{4}$/.test(found))
    return true;
  // An area code in parentheses, or after the trunk prefix 0.
  if (/^\(0?\d{1,4}\) ?\d/.test(found)) return digits.length >= 8 && digits.length <= 12;
  // Russia's trunk prefix 8.
  if (/^[78] ?\(\d{3}\) ?\d{3}[- ]\d\d[- ]\d\d$/.test(found)) return true;
  // France's pairs of digits.
  if (/^0[1-9](?<sign>[ .-])\d\d(?:\k<sign>\d\d){3}$/.test(found)) return true;
  return /^0[1-9]\d{0,4} ?[-/ ] ?\d/.test(found) && digits.length >= 9 && digits.length <= 12 && groups(found) <= 5;
}

const groups = (found: string): number => found.split(/\D+/).filter(Boolean).length;

export const PHONE: Detector = {name: 'phone', finds: 'pii', hint: /\d(?:\D{0,3}\d){6}/, find: phones};
