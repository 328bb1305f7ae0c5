import * as atVnr from 'stdnum/lib/cjs/at/vnr.js';
import * as auTfn from 'stdnum/lib/cjs/au/tfn.js';
import * as beNn from 'stdnum/lib/cjs/be/nn.js';
import * as brCnpj from 'stdnum/lib/cjs/br/cnpj.js';
import * as brCpf from 'stdnum/lib/cjs/br/cpf.js';
import * as caSin from 'stdnum/lib/cjs/ca/sin.js';
import * as chSsn from 'stdnum/lib/cjs/ch/ssn.js';
import * as clRut from 'stdnum/lib/cjs/cl/rut.js';
import * as cnRic from 'stdnum/lib/cjs/cn/ric.js';
import * as deIdnr from 'stdnum/lib/cjs/de/idnr.js';
import * as deSvnr from 'stdnum/lib/cjs/de/svnr.js';
import * as dkCpr from 'stdnum/lib/cjs/dk/cpr.js';
import * as esDni from 'stdnum/lib/cjs/es/dni.js';
import * as esNie from 'stdnum/lib/cjs/es/nie.js';
import * as fiHetu from 'stdnum/lib/cjs/fi/hetu.js';
import * as frNir from 'stdnum/lib/cjs/fr/nir.js';
import * as gbNino from 'stdnum/lib/cjs/gb/nino.js';
import * as iePps from 'stdnum/lib/cjs/ie/pps.js';
import * as inAadhaar from 'stdnum/lib/cjs/in/aadhaar.js';
import * as inPan from 'stdnum/lib/cjs/in/pan.js';
import * as itCodice from 'stdnum/lib/cjs/it/codicefiscale.js';
import * as krRrn from 'stdnum/lib/cjs/kr/rrn.js';
import * as mxCurp from 'stdnum/lib/cjs/mx/curp.js';
import * as nlBsn from 'stdnum/lib/cjs/nl/bsn.js';
import * as noFodsels from 'stdnum/lib/cjs/no/fodselsnummer.js';
import * as plPesel from 'stdnum/lib/cjs/pl/pesel.js';
import * as ptNif from 'stdnum/lib/cjs/pt/nif.js';
import * as sePersonnummer from 'stdnum/lib/cjs/se/personnummer.js';
import * as trKimlik from 'stdnum/lib/cjs/tr/tckimlik.js';
import * as zaIdnr from 'stdnum/lib/cjs/za/idnr.js';
import {allOf, type Detector, type Match} from '../trace/secrets.ts';

interface Country {
  /** Its names: without such a word before it, digits are ordinary numbers. */
  readonly called: RegExp;
  /** Its written form. */
  readonly form: RegExp;
  /** Its check digits; absent if the country has none. */
  readonly isValid?: (text: string) => boolean;
  /** The form and the check digits are unique: no word is needed. */
  readonly isUnmistakable?: RegExp;
}

const by =
  ({validate}: {validate(text: string): {isValid: boolean}}) =>
  (text: string) =>
    validate(text).isValid;

/** National ids of persons in many countries: forms, names and check digits. */
const COUNTRIES: readonly Country[] = [
  {called: /steuer|idnr|\btin\b|tax/i, form: /^\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}$/, isValid: by(deIdnr)},
  {called: /sozialvers|rentenvers|\bsvnr|\bsv-?n/i, form: /^\d{2}[ ]?\d{6}[ ]?[A-Z][ ]?\d{3}$/i, isValid: by(deSvnr)},
  {called: /sozialvers|svnr|sv-nummer/i, form: /^\d{4}[ ]?\d{6}$/, isValid: by(atVnr)},
  {
    called: /ahv|avs\b|avs-|sozialvers/i,
    form: /^756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}$/,
    isValid: by(chSsn),
    isUnmistakable: /./,
  },
  {
    called: /\bnir\b|s[ée]cu|insee/i,
    form: /^[12][ ]?\d{2}[ ]?\d{2}[ ]?(?:\d{2}|2[AB])[ ]?\d{3}[ ]?\d{3}[ ]?\d{2}$/i,
    isValid: by(frNir),
    isUnmistakable: /./,
  },
  {
    called: /\bdni\b|\bnif\b|documento/i,
    form: /^\d{8}[- ]?[A-Z]$/i,
    isValid: by(esDni),
    isUnmistakable: /^\d{8}-?[A-Z]$/,
  },
  {
    called: /\bnie\b|\bnif\b|extranjer/i,
    form: /^[XYZ][- ]?\d{7}[- ]?[A-Z]$/i,
    isValid: by(esNie),
    isUnmistakable: /^[XYZ]-?\d{7}-?[A-Z]$/,
  },
  {
    called: /codice|fiscale|\bc\.?f\b/i,
    form: /^[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]$/i,
    isValid: by(itCodice),
    isUnmistakable: /./,
  },
  {
    called: /nino|national ins|\bni\b/i,
    form: /^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-D]$/i,
    isUnmistakable: /^[A-Z]{2} \d\d \d\d \d\d [A-D]$/,
    isValid: by(gbNino),
  },
  {called: /nhs/i, form: /^\d{3}[ -]?\d{3}[ -]?\d{4}$/, isValid: isNhs},
  {called: /\bpps/i, form: /^\d{7}[A-W][A-IW]?$/i, isValid: by(iePps)},
  {
    called: /bsn|burgerservice|sofi/i,
    form: /^\d{4}[. ]?\d{2}[. ]?\d{3}$|^\d{3}[. ]?\d{3}[. ]?\d{3}$|^\d{8}$/,
    isValid: text => by(nlBsn)(text.replace(/\D/g, '').padStart(9, '0')),
  },
  {
    called: /rijksreg|registre|\bnn\b|\binsz|niss/i,
    form: /^\d{2}[. ]?\d{2}[. ]?\d{2}[- ]?\d{3}[. ]?\d{2}$/,
    isValid: by(beNn),
    isUnmistakable: /^\d\d\.\d\d\.\d\d-\d{3}\.\d\d$/,
  },
  {called: /\bcpr\b|person/i, form: /^\d{6}[- ]?\d{4}$/, isValid: by(dkCpr)},
  {called: /f[øo]dsels|person|\bfnr/i, form: /^\d{6}[ ]?\d{5}$/, isValid: by(noFodsels)},
  {called: /person|\bpnr/i, form: /^(?:19|20)?\d{6}[-+ ]?\d{4}$/, isValid: by(sePersonnummer)},
  {called: /hetu|henkil/i, form: /^\d{6}[-+A-FU-Y]\d{3}[0-9A-Z]$/, isValid: by(fiHetu), isUnmistakable: /./},
  {called: /pesel/i, form: /^\d{11}$/, isValid: by(plPesel)},
  {called: /\bnif\b|contribuinte/i, form: /^\d{3}[ ]?\d{3}[ ]?\d{3}$/, isValid: by(ptNif)},
  {called: /kimlik|\btc\b|tckn/i, form: /^\d{11}$/, isValid: by(trKimlik)},
  {
    called: /aadha|आधार|uidai/i,
    form: /^\d{4}[ -]?\d{4}[ -]?\d{4}$/,
    isValid: by(inAadhaar),
    isUnmistakable: /^\d{4} \d{4} \d{4}$/,
  },
  {called: /\bpan\b|permanent account/i, form: /^[A-Z]{5}\d{4}[A-Z]$/i, isValid: by(inPan)},
  // Brazil's sole traders have one too.
  {called: /cnpj/i, form: /^\d{2}\.?\d{3}\.?\d{3}\/?\d{4}-?\d{2}$/, isValid: by(brCnpj), isUnmistakable: /\//},
  {
    called: /\bcpf\b/i,
    form: /^\d{3}\.?\d{3}\.?\d{3}[-/]?\d{2}$/,
    isValid: by(brCpf),
    isUnmistakable: /^\d{3}\.\d{3}\.\d{3}-\d\d$/,
  },
  {
    called: /\brut\b|\brun\b/i,
    form: /^\d{1,2}\.?\d{3}\.?\d{3}-[\dK]$/i,
    isValid: by(clRut),
    isUnmistakable: /^\d{1,2}\.\d{3}\.\d{3}-/,
  },
  {called: /curp/i, form: /^[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d$/i, isValid: by(mxCurp), isUnmistakable: /./},
  {called: /\bsin\b|social ins/i, form: /^\d{3}[ -]?\d{3}[ -]?\d{3}$/, isValid: by(caSin)},
  {called: /\btfn\b|tax file/i, form: /^\d{3}[ ]?\d{3}[ ]?\d{2,3}$/, isValid: by(auTfn)},
  {
    called: /身份证|resident id|\bric\b/i,
    form: /^\d{17}[\dX]$/i,
    isValid: by(cnRic),
    isUnmistakable: /^\d{6}(?:19|20)\d{9}[\dX]$/i,
  },
  {called: /주민|\brrn\b|resident/i, form: /^\d{6}-?[1-8]\d{6}$/, isValid: by(krRrn), isUnmistakable: /-/},
  {called: /マイナンバー|個人番号|my number/i, form: /^\d{4}[ -]?\d{4}[ -]?\d{4}$/},
  {called: /\bid\b|identity/i, form: /^\d{6}[ ]?\d{4}[ ]?[01]\d{2}$/, isValid: by(zaIdnr)},
  {called: /nric|\bfin\b/i, form: /^[STFGM]\d{7}[A-Z]$/i},
  // Documents without reliable check digits.
  {
    called:
      /passport|reisepass|passeport|pasaporte|passaport|ausweis|id[ -]card|carte d'identit|護照|护照|パスポート|паспорт/i,
    form: /^(?:[A-Z]{1,3}[ ]?\d{5,9}|\d{8,10}|[CFGHJKLMNPRTVWXYZ][0-9CFGHJKLMNPRTVWXYZ]{8}\d?|\d{2}[A-Z]{2}\d{5})$/i,
  },
  {
    called: /driv(?:er|ing)\S{0,3} ?licen|f[üu]hrerschein|permis de conduire|licen[cs]ia de conducir/i,
    form: /^(?=.*\d{4})[A-Z0-9][A-Z0-9 -]{6,18}[A-Z0-9]$/i,
  },
];

/** NHS: the last digit is a weighted sum of the others, modulo 11. */
function isNhs(text: string): boolean {
  const digits = Array.from(text.replace(/\D/g, ''), Number);
  const sum = digits.slice(0, 9).reduce((all, digit, i) => all + digit * (10 - i), 0);
  return (11 - (sum % 11)) % 11 === digits[9];
}

/**
 * Sequences of letters and digits in the form of such numbers. What must not precede one is tested after its first
 * character: a pattern that began with this test would run everywhere.
 */
const FROM_DIGIT =
  /\d(?<![\w./+-].)(?:\d?(?:[ .\-/]?\d){5,17}(?:[-+ ]?[A-Za-z](?:[A-Za-z]|[ ]?\d{3}[0-9A-Z]?)?)?|\d{5}[-+A-FU-Y]\d{3}[0-9A-Z]|[ ]?\d{2}[ ]?\d{2}[ ]?2[ABab][ ]?\d{3}[ ]?\d{3}[ ]?\d{2}|\d[A-Z]{2}\d{5})(?![\w]|[.-]\w)/g;
const FROM_LETTER =
  /[A-Za-z](?<![\w./+-].)(?:[A-Za-z]?[ -]?\d{2}(?:[ -]?\d{2,8}){1,4}(?:[ -]?[A-Za-z])?|[A-Za-z]{5}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]|[A-Za-z]{3}\d{6}[A-Za-z]{6}[A-Za-z0-9]\d|[A-Za-z]{4}\d{4}[A-Za-z]|(?=[A-Z]{0,8}\d)[0-9A-Z]{7,11})(?![\w]|[.-]\w)/g;
/** Maximum distance between a name and its value. */
const NEAR = 60;

function* nationalIds(text: string): Generator<Match> {
  for (const {0: found, index} of [...allOf(FROM_DIGIT, text), ...allOf(FROM_LETTER, text)]) {
    let near: string | undefined;
    for (const {called, form, isValid, isUnmistakable} of COUNTRIES) {
      if (!form.test(found)) continue;
      if (!isUnmistakable?.test(found)) {
        near ??= text.slice(Math.max(0, index - NEAR), index);
        if (!called.test(near.replace(/([a-z])([A-Z])/g, '$1 $2').replaceAll('_', ' '))) continue;
      }
      if (isValid && !isValid(found.replace(/[ ./]/g, ''))) continue;
      yield {from: index, to: index + found.length};
      break;
    }
  }
}

export const NATIONAL_ID: Detector = {
  name: 'national-id',
  finds: 'pii',
  hint: /\d[\dA-Z .\-/]{4}|[A-Za-z]\d{2}/,
  find: nationalIds,
};
