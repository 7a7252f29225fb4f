// Three origins to try the gateway with, so that `npm start` needs nothing else: one healthy, one slow, one failing.
// `weir run --demo` forks this file as a process of its own, which ends with the process that forked it; the test
// of the shipped configuration starts them within its own process.
import { realpathSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../shared/errors.ts';

/** Sent to the parent by the forked process, once. */
export type DemoMessage = { type: 'demo_ready'; ports: number[] } | { type: 'demo_failed'; message: string };

export interface DemoOrigins {
  /** in the order healthy, slow, failing; resolved where 0 was asked for */
  ports: number[];
  /** Ends them with all their connections. Idempotent. */
  close(): Promise<void>;
}

/** Where the shipped config/gateway.yaml looks for them: healthy, slow, failing. */
export const DEMO_PORTS = [9001, 9002, 9003] as const;

const SLOW_MS_MIN = 300;
const SLOW_MS_MAX = 3000;
/** the longest that `?ms=` may ask for */
const ASKED_MS_MAX = 60_000;
/** A demo that was just killed may still hold its ports for a moment: how often and how long to ask again. */
const LISTEN_ATTEMPTS = 10;
const LISTEN_RETRY_MS = 100;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Listens on 127.0.0.1.
 * @param ports for the healthy, the slow and the failing origin; 0 = any
 * @throws OperatorError when a port stays taken
 */
export async function startDemoOrigins(ports: readonly number[] = DEMO_PORTS): Promise<DemoOrigins> {
  const servers = [healthy, slow, failingInTurn()].map((answer) => createServer(answer));
  let closed: Promise<void> | null = null;
  const close = () => {
    closed ??= Promise.all(servers.map(closeServer)).then(() => {});
    return closed;
  };
  try {
    for (const [i, server] of servers.entries()) await listen(server, ports[i] ?? DEMO_PORTS[i] ?? 0);
  } catch (error) {
    await close();
    throw error;
  }
  return { ports: servers.map((server) => (server.address() as AddressInfo).port), close };
}

/** What it was asked, as JSON: so that one sees what the gateway passes on. */
function healthy(request: IncomingMessage, response: ServerResponse): void {
  answerJson(request, response, 200, { origin: 'healthy', ...asked(request) });
}

/** The same after 0.3–3 s, evenly spread, or after `?ms=` milliseconds. */
function slow(request: IncomingMessage, response: ServerResponse): void {
  const stated = new URL(request.url ?? '/', 'http://origin').searchParams.get('ms');
  const askedMs = stated === null ? Number.NaN : Number(stated);
  const delayMs = Number.isFinite(askedMs)
    ? Math.min(Math.max(askedMs, 0), ASKED_MS_MAX)
    : SLOW_MS_MIN + Math.random() * (SLOW_MS_MAX - SLOW_MS_MIN);
  const timer = setTimeout(() => {
    answerJson(request, response, 200, { origin: 'slow', delayMs: Math.round(delayMs), ...asked(request) });
  }, delayMs);
  response.once('close', () => clearTimeout(timer));
}

/** In turn: an honest 503, a reset before the first byte, and silence until the client goes. */
function failingInTurn(): Answer {
  let turn = 0;
  return (request, response) => {
    switch (turn++ % 3) {
      case 0:
        answerJson(request, response, 503, { origin: 'failing', error: 'out of order' });
        return;
      case 1:
        request.socket.resetAndDestroy();
        return;
      default:
        // Nothing is ever answered: this is what a deadline is for. The body is read so that no client hangs in it.
        request.resume();
    }
  };
}

function asked(request: IncomingMessage): object {
  return { method: request.method, path: request.url, host: request.headers.host, headers: request.headers };
}

function answerJson(request: IncomingMessage, response: ServerResponse, status: number, body: object): void {
  request.resume();
  const text = `${JSON.stringify(body, null, 2)}\n`;
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

async function listen(server: Server, port: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      const listening = () => {
        server.off('error', failed);
        resolve(null);
      };
      const failed = (error: NodeJS.ErrnoException) => {
        server.off('listening', listening);
        resolve(error);
      };
      server.once('error', failed);
      server.once('listening', listening);
      server.listen(port, '127.0.0.1');
    });
    if (error === null) return;
    if (error.code !== 'EADDRINUSE' || attempt === LISTEN_ATTEMPTS) {
      throw new OperatorError(
        `The demo origin cannot listen on 127.0.0.1:${port} (${error.code ?? error.message}); ` +
          'end what holds that port, or run without --demo.',
      );
    }
    await new Promise((resolve) => setTimeout(resolve, LISTEN_RETRY_MS));
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** The forked process: ports from its arguments, one message to its parent, and no life of its own. */
async function main(): Promise<void> {
  // The function stays when the channel is gone: the parent may have died before this line.
  const forked = process.send !== undefined;
  if (forked) {
    process.on('disconnect', () => process.exit());
    if (!process.connected) process.exit();
    // Ctrl-C reaches the whole process group; the gateway drains first and takes this process with it.
    process.on('SIGINT', () => {});
  }
  // Node would open its inspector on this one.
  process.on('SIGUSR1', () => {});
  const tell = (message: DemoMessage) => process.send?.(message);
  try {
    const stated = process.argv.slice(2).map(Number);
    const { ports } = await startDemoOrigins(stated.length > 0 ? stated : DEMO_PORTS);
    if (forked) tell({ type: 'demo_ready', ports });
    else console.log(`demo origins on ports ${ports.join(', ')} (healthy, slow, failing)`);
  } catch (error) {
    const message = error instanceof OperatorError ? error.message : String(error);
    process.exitCode = 1;
    if (forked) {
      tell({ type: 'demo_failed', message });
      process.disconnect();
    } else {
      console.error(`weir: ${message}`);
    }
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
