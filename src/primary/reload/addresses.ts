// The addresses that workers will listen on, settled by the primary before it asks them to: a port of 0 becomes a real
// one and keeps it for as long as the listener is configured, and an address that somebody else holds is found out
// before any worker fails on it. Called by the reloader.
import { createServer, type Server } from 'node:net';
import { OperatorError } from '../../shared/errors.ts';
import type { ListenerPlan } from '../../shared/plan.ts';
import { portHolder } from './port-holder.ts';

export class Addresses {
  /** key of a `:0` listener → its port */
  #ports = new Map<string, number>();
  #settled = new Set<string>();
  #reserved: Server[] = [];
  #proposed: ListenerPlan[] = [];

  /**
   * Fills the ports of `listeners` and sees to it that each new one can be bound.
   * A port for `:0` is held by a listener of our own until release(), to be called once workers listen.
   * @param trusted pids that may hold the address already: workers of ours
   * @param probe false while workers of an earlier primary still hold the addresses
   * @throws OperatorError naming the address and, where it can be found out, who holds it
   */
  async resolve(listeners: ListenerPlan[], trusted: ReadonlySet<number>, probe: boolean): Promise<void> {
    for (const listener of listeners) {
      if (listener.port === 0) listener.port = this.#ports.get(listener.key) ?? (await this.#reserve(listener));
      else if (probe && !this.#settled.has(listener.key)) await probeAddress(listener, trusted);
    }
    this.#proposed = listeners;
  }

  /** The plan is in force: its ports stay, those of listeners that it dropped are forgotten. */
  commit(): void {
    const ports = this.#proposed.filter(({ key }) => key.endsWith(':0')).map(({ key, port }) => [key, port] as const);
    this.#ports = new Map(ports);
    this.#settled = new Set(this.#proposed.map(({ key }) => key));
  }

  /** Lets go of reserved ports; workers hold them now, or nobody wants them. */
  async release(): Promise<void> {
    await Promise.all(this.#reserved.splice(0).map(close));
  }

  async #reserve({ host, key }: ListenerPlan): Promise<number> {
    const server = createServer((socket) => socket.destroy());
    this.#reserved.push(server);
    try {
      return await listen(server, host, 0, true);
    } catch (error) {
      throw await explain(error as NodeJS.ErrnoException, key, host, 0);
    }
  }
}

async function probeAddress({ host, port, key }: ListenerPlan, trusted: ReadonlySet<number>): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  try {
    await listen(server, host, port, false);
  } catch (error) {
    const fault = error as NodeJS.ErrnoException;
    const holder = fault.code === 'EADDRINUSE' ? await portHolder(port) : null;
    if (holder !== null && trusted.has(holder)) return;
    throw await explain(fault, key, host, port, holder);
  } finally {
    await close(server);
  }
}

/** One sentence for a bind that failed. `holder` is looked up when it is not given. */
export async function explain(
  error: NodeJS.ErrnoException,
  address: string,
  host: string,
  port: number,
  holder?: number | null,
): Promise<OperatorError> {
  switch (error.code) {
    case 'EADDRINUSE': {
      const pid = holder ?? (await portHolder(port));
      const who = pid === null ? 'another process' : `pid ${pid}`;
      return new OperatorError(`Cannot listen on ${address}: ${who} holds that port. Stop it, or choose another port.`);
    }
    case 'EACCES':
      return new OperatorError(
        `Cannot listen on ${address}: ports below 1024 need the capability CAP_NET_BIND_SERVICE. Grant it, or choose a higher port.`,
      );
    case 'EADDRNOTAVAIL':
      return new OperatorError(`Cannot listen on ${address}: this machine has no address ${host}.`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new OperatorError(`Cannot listen on ${address}: the name ${host} cannot be resolved.`);
    default:
      return new OperatorError(`Cannot listen on ${address}: ${error.message}.`);
  }
}

/** @returns the port */
function listen(server: Server, host: string, port: number, reusePort: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, reusePort, exclusive: true }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
