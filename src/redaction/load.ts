import type {Redaction} from './kinds.ts';
import type {Pseudonyms} from './pseudonyms.ts';
import type {Redactor} from './redactor.ts';
import type {RedactionReport} from './report.ts';

/** Detectors and what they stand on are read when something is to be redacted, and no command waits for them otherwise. */
export async function redactorOf(
  redaction: Redaction,
  pseudonyms: Pseudonyms,
  report: RedactionReport,
): Promise<Redactor> {
  const {Redactor: Loaded} = await import('./redactor.ts');
  return new Loaded(redaction, pseudonyms, report);
}
