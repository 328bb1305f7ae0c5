import type {Env} from '../store/source.ts';

/** Variables that are read, and may contain a URL, correctly or by mistake. */
const URL_VARIABLE = /^(AGNO_TRACE_|PG|OTEL_EXPORTER_OTLP_|DATABASE_URL$)/;

/**
 * Every text of the command line and the environment that may be a secret, found without relying on a URL to parse:
 * the part between the first `:` after `//` and each `@`, and the values of a URL's query. They are replaced in
 * everything printed about errors. This is only a last protection: messages are built without secrets in the first
 * place.
 * @param learnt passwords from elsewhere: a service file, a profile's variable or command
 */
export function secretsIn(argv: readonly string[], env: Env, learnt: readonly string[] = []): string[] {
  const given = Object.entries(env).flatMap(([name, value]) => (value && URL_VARIABLE.test(name) ? [value] : []));
  const texts = [...argv, ...given];
  const secrets = new Set<string>();
  const add = (text: string | undefined) => {
    for (const form of [text, decoded(text)]) if (form && form.length >= 3) secrets.add(form);
  };
  for (const secret of [env.PGPASSWORD, ...learnt]) add(secret);
  for (const text of texts) {
    const url = /:\/\/([^\s]*)/.exec(text)?.[1];
    if (url) {
      for (let at = url.indexOf('@'); at >= 0; at = url.indexOf('@', at + 1)) {
        const colon = url.indexOf(':');
        if (colon >= 0 && colon < at) add(url.slice(colon + 1, at));
      }
      for (const [, value] of (url.split('?').slice(1).join('?') || '').matchAll(
        /(?:^|&)(?:[^=&]*(?:pass|secret|token|key|pwd)[^=&]*)=([^&]*)/gi,
      ))
        add(value);
    }
    // A message quotes what was typed; the quote and what follows are not part of it.
    for (const [, quoted, bare] of text.matchAll(/\b(?:ssl)?password\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s&]+))/gi))
      add(quoted ?? bare?.replace(/["'][.,;:]*$/, ''));
  }
  // If a password is also the name of the user or the database, it stays visible: masking it would reveal it.
  for (const part of namesIn(texts)) secrets.delete(part);
  // The longest first, so that a secret inside another leaves nothing behind.
  return [...secrets].sort((a, b) => b.length - a.length);
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** User, host and database of the URLs, which messages may name. */
function namesIn(texts: readonly string[]): string[] {
  return texts.flatMap(text => {
    const match = /:\/\/(?:([^:/@?]*)(?::[^@]*)?@)?([^:/?#]*)(?::[^/?#]*)?(?:\/([^?#]*))?/.exec(text);
    return match ? match.slice(1).filter(part => part !== undefined && part !== '') : [];
  });
}
