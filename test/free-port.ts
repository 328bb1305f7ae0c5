import {createServer} from 'node:net';

/** Below what systems give to outgoing connections, one of which could take the port before a server does. */
const [LOWEST, HIGHEST] = [12_000, 32_000];

/** A port for a server that cannot choose one by itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    const isFree = await new Promise<boolean>(resolve => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
