// Clients that ask on and on while a story does something to the processes. What they saw is judged afterwards.
import { Agent, request } from 'node:http';
import { pause, within } from '../helpers/deadline.ts';

export interface Seen {
  /** of a transport error; null for an answer */
  error: NodeJS.ErrnoException | null;
  status: number;
  startedMs: number;
  endedMs: number;
}

export interface LoadOptions {
  url: string;
  clients: number;
  /** false: each request on a connection of its own */
  keepAlive: boolean;
  /** between the end of a request and the next one of the same client */
  pauseMs: number;
}

export class Load {
  readonly seen: Seen[] = [];
  readonly #agent: Agent;
  readonly #url: string;
  readonly #pauseMs: number;
  readonly #running: Promise<void>[] = [];
  #stopping = false;

  constructor({ url, clients, keepAlive, pauseMs }: LoadOptions) {
    this.#agent = new Agent({ keepAlive, maxSockets: clients });
    this.#url = url;
    this.#pauseMs = pauseMs;
    for (let n = 0; n < clients; n++) this.#running.push(this.#loop());
  }

  statuses(sinceMs = 0): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { status, startedMs } of this.seen)
      if (startedMs >= sinceMs) counts.set(status, (counts.get(status) ?? 0) + 1);
    return counts;
  }

  errors(): Seen[] {
    return this.seen.filter(({ error }) => error !== null);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await within(15_000, Promise.all(this.#running), 'the last answers');
    this.#agent.destroy();
  }

  async #loop(): Promise<void> {
    while (!this.#stopping) {
      this.seen.push(await this.#ask());
      await pause(this.#pauseMs);
    }
  }

  #ask(): Promise<Seen> {
    const startedMs = performance.now();
    return new Promise((resolve) => {
      const done = (status: number, error: NodeJS.ErrnoException | null) =>
        resolve({ status, error, startedMs, endedMs: performance.now() });
      const asking = request(this.#url, { agent: this.#agent }, (response) => {
        response.on('error', (error) => done(0, error));
        response.on('end', () => done(response.statusCode ?? 0, null));
        response.resume();
      });
      asking.on('error', (error) => done(0, error));
      asking.setTimeout(10_000, () => asking.destroy(new Error('no answer within 10 s')));
      asking.end();
    });
  }
}
