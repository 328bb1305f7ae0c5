import {type AddressInfo, connect, createServer, type Socket} from 'node:net';

/** Stands between a reader and a server, and lets pass what it is told to. */
export interface NetworkProxy {
  readonly url: string;
  /** Ends every connection, as a firewall or a failing switch does. */
  cut(): void;
  /** From now on no byte passes, and no connection is ended. */
  swallow(isOn: boolean): void;
  /** Answers come so much later, ms. */
  delay(ms: number): void;
  /** New connections lead to another server, as a host name does after a failover. */
  leadTo(url: string): void;
  /** How many connections there were at the same time. */
  mostAtOnce(): number;
  close(): Promise<void>;
}

export async function startProxy(url: string): Promise<NetworkProxy> {
  let target = new URL(url);
  const sockets = new Set<Socket>();
  let isSwallowing = false;
  let delayMs = 0;
  let open = 0;
  let most = 0;
  const server = createServer(client => {
    const upstream = connect(Number(target.port), target.hostname);
    most = Math.max(most, ++open);
    // The server closes first; only then does the client learn of it.
    upstream.once('close', () => open--);
    // A connection that was swallowed stays so: what it lost cannot be made up for.
    let isDead = isSwallowing;
    const pass = (from: Socket, to: Socket) => {
      sockets.add(from);
      from.on('data', chunk => {
        isDead ||= isSwallowing;
        if (isDead) return;
        if (delayMs === 0) to.write(chunk);
        else setTimeout(() => to.write(chunk), delayMs);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        if (!isDead) to.destroy();
      });
    };
    pass(client, upstream);
    pass(upstream, client);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const proxied = new URL(url);
  proxied.hostname = '127.0.0.1';
  proxied.port = String((server.address() as AddressInfo).port);
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: proxied.href,
    cut,
    swallow: isOn => {
      isSwallowing = isOn;
    },
    delay: ms => {
      delayMs = ms;
    },
    leadTo: other => {
      target = new URL(other);
    },
    mostAtOnce: () => most,
    close: async () => {
      cut();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
