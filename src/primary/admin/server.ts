// The admin interface on its own address: lets a request in or not, finds its route, catches what fails. Small bounds
// everywhere, because a stuck operator's client must not hold up the primary.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Logger } from '../../shared/log.ts';
import { explain } from '../reload/addresses.ts';
import { Guard } from './guard.ts';
import { problem } from './problem.ts';
import type { AdminRoute } from './routes.ts';

// an import of it would load Node's bundled undici as well: 50 ms before the gateway serves
const { createServer } = process.getBuiltinModule('node:http');

const BODY_BYTES_MAX = 64 * 1024;
const CONNECTIONS_MAX = 256;

export interface AdminAddress {
  host: string;
  port: number;
  token: string | null;
}

export class AdminServer {
  readonly #routes: Map<string, AdminRoute>;
  readonly #guard: Guard;
  readonly #log: Logger;
  readonly #server: Server;
  readonly #address: AdminAddress;

  constructor(address: AdminAddress, routes: Map<string, AdminRoute>, log: Logger) {
    this.#address = address;
    this.#routes = routes;
    this.#log = log;
    this.#guard = new Guard(address.host, address.token);
    this.#server = createServer(
      { headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000, maxHeaderSize: 16 * 1024 },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** @returns the port. @throws OperatorError when the address cannot be had */
  listen(): Promise<number> {
    const { host, port } = this.#address;
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => {
        const name = host.includes(':') ? `[${host}]` : host;
        explain(error, `the admin address ${name}:${port}`, host, port).then(reject, reject);
      };
      this.#server.once('error', failed);
      this.#server.listen({ host, port, exclusive: true }, () => {
        this.#server.off('error', failed);
        const bound = this.#server.address();
        resolve(typeof bound === 'object' && bound ? bound.port : port);
      });
    });
  }

  /** Answers that are on their way are cut: an operator asks again. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const refusal = this.#guard.refusal(request);
      if (refusal) return problem(response, refusal.status, refusal.detail, { connection: 'close' });
      const [path = ''] = (request.url ?? '').split('?');
      const route = this.#routes.get(path);
      if (!route) return problem(response, 404, `There is nothing at ${path}.`);
      if (request.method === 'GET' || request.method === 'HEAD') {
        return route.GET ? await route.GET(response) : notAllowed(response, route);
      }
      if (request.method !== 'POST' || !route.POST) return notAllowed(response, route);
      const writeRefusal = this.#guard.writeRefusal(request);
      if (writeRefusal) return refuseWrite(response, writeRefusal.status, writeRefusal.detail);
      if (!(await drained(request))) {
        return problem(response, 413, `A body may have ${BODY_BYTES_MAX} bytes here.`, { connection: 'close' });
      }
      await route.POST(response);
    } catch (error) {
      this.#log.error({ err: error, url: request.url }, 'admin request failed');
      if (!response.headersSent) problem(response, 500, 'This request failed; the log says more.');
      else response.destroy();
    }
  }
}

function notAllowed(response: ServerResponse, route: AdminRoute): void {
  const methods = [...(route.GET ? ['GET', 'HEAD'] : []), ...(route.POST ? ['POST'] : [])].join(', ');
  problem(response, 405, `Only ${methods} here.`, { allow: methods });
}

function refuseWrite(response: ServerResponse, status: number, detail: string): void {
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer realm="weir"' } : {};
  problem(response, status, detail, { connection: 'close', ...challenge });
}

/** Reads the body away; false when it is longer than anyone needs here. */
async function drained(request: IncomingMessage): Promise<boolean> {
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_BYTES_MAX) return false;
  }
  return true;
}
