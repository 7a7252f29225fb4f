// Ports for what must know its port before it listens: a gateway's config, the admin address. All else listens on port 0.
import { createServer } from 'node:net';

// Below the kernel's usual ephemeral range (32768–60999), so that no outgoing connection of a neighbouring test takes
// the port between this answer and the listen.
const LOWEST = 15_000;
const HIGHEST = 32_000;
const given = new Set<number>();

/** A TCP port of 127.0.0.1 on which nobody listens; never the same one twice within a process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (given.has(port)) continue;
    given.add(port);
    if (await canListen(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST} after 200 attempts`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    // The wildcard address: a port that some other process holds on any address is refused too.
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
