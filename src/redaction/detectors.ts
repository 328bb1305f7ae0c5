import {type Detector, FORM_DETECTORS} from '../trace/secrets.ts';
import {COMMAND_DETECTORS} from './command-lines.ts';
import {NAMED_DETECTORS} from './named-values.ts';
import {NATIONAL_ID} from './national-ids.ts';
import {PERSONAL_DETECTORS} from './personal.ts';
import {PHONE} from './phones.ts';
import {storedDetectors} from './stored-secrets.ts';
import {WEB_DETECTORS} from './web-secrets.ts';

export type {Detector, Match} from '../trace/secrets.ts';

/** The more specific ones first: if two match the same text, the first names it. */
export const DETECTORS: readonly Detector[] = [
  ...FORM_DETECTORS,
  ...storedDetectors(FORM_DETECTORS),
  ...COMMAND_DETECTORS,
  ...WEB_DETECTORS,
  ...NAMED_DETECTORS,
  ...PERSONAL_DETECTORS,
  NATIONAL_ID,
  PHONE,
];
