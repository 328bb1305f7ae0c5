import type {Redaction} from './kinds.ts';
import type {Pseudonyms} from './pseudonyms.ts';
import type {Redactor} from './redactor.ts';
import type {RedactionReport} from './report.ts';

/** Loads the detectors and their libraries only when something has to be redacted. */
export async function redactorOf(
  redaction: Redaction,
  pseudonyms: Pseudonyms,
  report: RedactionReport,
): Promise<Redactor> {
  const {Redactor: Loaded} = await import('./redactor.ts');
  return new Loaded(redaction, pseudonyms, report);
}
