declare module 'pg/lib/client.js' {
  export {Client as default} from 'pg';
}

declare module 'pg/lib/connection.js' {
  import type {EventEmitter} from 'node:events';
  import type {Duplex} from 'node:stream';
  import type {ConnectionOptions} from 'node:tls';

  export default class Connection extends EventEmitter {
    constructor(config: {ssl: ConnectionOptions | false; keepAlive: boolean; sslNegotiation: string});
    /** The socket; after the TLS handshake the TLS socket. */
    readonly stream: Duplex;
    /** A port and a host, or the path of a socket. */
    connect(at: number | string, host?: string): void;
    cancel(processId: number, secretKey: unknown): void;
    attachListeners(stream: Duplex): void;
  }
}
