// The parent's handle on the traffic process: started, told what to do, listened to, ended by its id.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { within } from '../../test/helpers/deadline.ts';
import type { Failure, FromTraffic, Tally, ToTraffic } from './messages.ts';

/** More would fill the memory of a run that has gone wrong anyway. */
const FAILURES_KEPT = 20_000;

export class Clients {
  readonly failures: Failure[] = [];
  failuresDropped = 0;
  tally: Tally | null = null;
  onTally: (tally: Tally) => void = () => {};
  readonly #child: ChildProcess;
  readonly #waiting = new Map<FromTraffic['type'], (message: FromTraffic) => void>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message: FromTraffic) => this.#hear(message));
  }

  static async start(): Promise<Clients> {
    const clients = new Clients(fork(fileURLToPath(new URL('traffic.ts', import.meta.url))));
    await within(10_000, clients.#next('hello'), 'the traffic process');
    return clients;
  }

  /** @param rate requests a second; null: a closed loop of `clients` */
  go(port: number, seed: number, rate: number | null, clients = 64): void {
    this.#tell({ type: 'go', port, seed, rate, clients });
  }

  /** No new requests; resolves once all are answered and all connections closed. */
  async rest(): Promise<Tally> {
    const rested = this.#next('rested');
    this.#tell({ type: 'rest' });
    const message = await within(40_000, rested, 'the answers to the last requests');
    return (message as FromTraffic & { type: 'rested' }).tally;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGKILL');
    await gone;
  }

  #tell(message: ToTraffic): void {
    this.#child.send(message);
  }

  #next(type: FromTraffic['type']): Promise<FromTraffic> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(type, resolve);
      this.#child.once('exit', () => reject(new Error('the traffic process ended by itself')));
    });
  }

  #hear(message: FromTraffic): void {
    if (message.type === 'failure') {
      if (this.failures.length < FAILURES_KEPT) this.failures.push(message.failure);
      else this.failuresDropped += 1;
    } else if (message.type === 'tally') {
      this.tally = message.tally;
      this.onTally(message.tally);
    } else {
      this.#waiting.get(message.type)?.(message);
      this.#waiting.delete(message.type);
    }
  }
}
