import {EXIT, UserError} from '../errors.ts';

/** Explains a network error for a host, whatever server was expected there; null: it is another kind of error. */
export function explainNetwork(
  cause: unknown,
  {server, host, at}: {readonly server: string; readonly host: string; readonly at: string},
): UserError | null {
  const fail = (text: string, hint: string) => new UserError(EXIT.unreachable, text, {hint, cause});
  switch ((cause as {readonly code?: unknown} | null)?.code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fail(`host "${host}" is not known.`, 'Check the host in the address.');
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return fail(`no ${server} answered at ${at} in time.`, 'Check the network, the port and the firewall.');
    default:
      return null;
  }
}
