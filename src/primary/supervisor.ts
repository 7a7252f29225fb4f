// Keeps as many workers alive as were asked for. One seat per wanted worker; a seat holds at most one process:
//
//            #fork()             #onReady()              drain()
//   vacant ───────────▶ starting ───────────▶ ready ───────────▶ draining
//     ▲  ▲                 │ #onExit(),          │ #onExit(),         │ #onExit(), or SIGKILL
//     │  │                 │ or too late:        │ or silent:         │ at the deadline
//     │  │ #seat()         │ SIGKILL             │ SIGKILL            ▼
//     │  └──────── waiting ◀─────────────────────┘                  gone (no further worker)
//     │            (back-off, then a free row)
//     └─ start(), rowFreed()
//
// Whatever ends a process, #onExit sweeps its row first: its slots are back before anything else is thought of.
// Who talks to workers about plans is reload/publication.ts; the primary wires both together.
import { monotonicMs } from '../shared/clock.ts';
import type { Logger } from '../shared/log.ts';
import type { Segment } from '../shared/memory/segment.ts';
import type { WorkerMessage } from '../shared/messages.ts';
import { Heartbeats, STALE_MS } from './heartbeats.ts';
import { type HostedWorker, packMessage, type WorkerHost } from './worker-host.ts';

export type WorkerState = 'starting' | 'ready' | 'draining';

export interface WorkerView {
  row: number;
  pid: number;
  state: WorkerState;
}

export interface SupervisorEvents {
  /** everything that a worker says, `ready` included (after the state has changed) */
  message(row: number, message: WorkerMessage): void;
  /** the process of this row is gone and the row is swept */
  gone(row: number): void;
  /** a death that nobody asked for */
  died(row: number): void;
  /** every attempt dies at birth: nothing will come of further ones */
  hopeless(sentence: string): void;
}

export interface Timing {
  staleMs: number;
  lookIntervalMs: number;
  /** from fork to ready; a 10,000-route plan on a busy machine takes 2 s */
  startDeadlineMs: number;
  backoffMinMs: number;
  backoffMaxMs: number;
  /** a life of this length wipes out what came before */
  settledMs: number;
  /** deaths in a row before ready, over all seats, until we give up */
  birthDeathsMax: number;
}

const TIMING: Timing = {
  staleMs: STALE_MS,
  lookIntervalMs: 1000,
  startDeadlineMs: 20_000,
  backoffMinMs: 100,
  backoffMaxMs: 5000,
  settledMs: 10_000,
  birthDeathsMax: 5,
};

interface Seat {
  charge: Charge | null;
  backoffMs: number;
  timer: NodeJS.Timeout | null;
}

interface Charge {
  row: number;
  worker: HostedWorker;
  state: WorkerState;
  bornMs: number;
  startDeadline: NodeJS.Timeout;
}

export class Supervisor {
  readonly #segment: Segment;
  readonly #host: WorkerHost;
  readonly #log: Logger;
  readonly #events: SupervisorEvents;
  readonly #timing: Timing;
  readonly #heartbeats: Heartbeats;
  readonly #seats: Seat[] = [];
  #birthDeaths = 0;
  #stopping = false;
  #allGone: (() => void) | null = null;

  constructor(segment: Segment, host: WorkerHost, log: Logger, events: SupervisorEvents, timing: Partial<Timing> = {}) {
    this.#segment = segment;
    this.#host = host;
    this.#log = log;
    this.#events = events;
    this.#timing = { ...TIMING, ...timing };
    this.#heartbeats = new Heartbeats({
      staleMs: this.#timing.staleMs,
      lookIntervalMs: this.#timing.lookIntervalMs,
      pulses: () => this.#ready().map(({ row }) => ({ row, beatMs: segment.slots.heartbeatMs(row) })),
      stale: (row, silentMs) => this.#killSilent(row, silentMs),
    });
  }

  /** Wants `count` workers from now on. Seats without a free row wait for rowFreed(). */
  start(count: number): void {
    for (let index = 0; index < count; index++) {
      this.#seats.push({ charge: null, backoffMs: this.#timing.backoffMinMs, timer: null });
    }
    this.rowFreed();
    this.#heartbeats.start();
  }

  /** A row that belonged to somebody else is free now: seats that wait for one are filled. */
  rowFreed(): void {
    for (const seat of this.#seats) if (!seat.charge && !seat.timer) this.#seat(seat);
  }

  workers(): WorkerView[] {
    return this.#charges().map(({ row, worker, state }) => ({ row, pid: worker.pid, state }));
  }

  send(row: number, bytes: Uint8Array): void {
    this.#charge(row)?.worker.send(bytes);
  }

  kill(row: number, signal: NodeJS.Signals): void {
    this.#charge(row)?.worker.kill(signal);
  }

  /** Ends all workers: those that serve get `timeoutMs` to finish, then SIGKILL. Resolves when the last one is gone. */
  drain(timeoutMs: number): Promise<void> {
    const drain = packMessage({ type: 'drain', timeoutMs });
    this.#stop();
    for (const charge of this.#charges()) {
      // one that is not ready serves nobody
      if (charge.state === 'starting') charge.worker.kill('SIGKILL');
      else charge.worker.send(drain);
      charge.state = 'draining';
    }
    const deadline = setTimeout(() => this.killAll(), timeoutMs + 500);
    return this.#gone().finally(() => clearTimeout(deadline));
  }

  /** SIGKILL to all of them. Resolves when the last one is gone. */
  killAll(): Promise<void> {
    this.#stop();
    for (const { worker } of this.#charges()) worker.kill('SIGKILL');
    return this.#gone();
  }

  #stop(): void {
    this.#stopping = true;
    this.#heartbeats.stop();
    for (const seat of this.#seats) {
      if (seat.timer) clearTimeout(seat.timer);
      seat.timer = null;
    }
  }

  #gone(): Promise<void> {
    if (this.#charges().length === 0) return Promise.resolve();
    const before = this.#allGone;
    return new Promise((resolve) => {
      this.#allGone = () => {
        before?.();
        resolve();
      };
    });
  }

  #seat(seat: Seat): void {
    if (this.#stopping) return;
    const row = this.#freeRow();
    if (row > 0) this.#fork(seat, row);
  }

  #freeRow(): number {
    const { slots, shape } = this.#segment;
    const taken = new Set(this.#charges().map((charge) => charge.row));
    for (let row = 1; row < shape.rows; row++) if (!taken.has(row) && slots.state(row) === 'free') return row;
    return -1;
  }

  #fork(seat: Seat, row: number): void {
    const worker = this.#host.fork(row, {
      message: (message) => this.#onMessage(charge, message),
      exit: (code, signal) => this.#onExit(seat, charge, code, signal),
    });
    const charge: Charge = {
      row,
      worker,
      state: 'starting',
      bornMs: monotonicMs(),
      startDeadline: setTimeout(() => this.#killLate(charge), this.#timing.startDeadlineMs),
    };
    seat.charge = charge;
  }

  #onMessage(charge: Charge, message: WorkerMessage): void {
    if (message.type === 'ready' && charge.state === 'starting') this.#onReady(charge);
    this.#events.message(charge.row, message);
  }

  #onReady(charge: Charge): void {
    clearTimeout(charge.startDeadline);
    charge.state = 'ready';
    this.#birthDeaths = 0;
    this.#log.info({ worker: charge.row, workerPid: charge.worker.pid }, 'worker ready');
  }

  #onExit(seat: Seat, charge: Charge, code: number | null, signal: string | null): void {
    this.#segment.sweep(charge.row);
    clearTimeout(charge.startDeadline);
    seat.charge = null;
    const cause = signal ?? `exit code ${code}`;
    const atBirth = charge.state === 'starting';
    // code 0 is a worker that somebody asked to leave
    const unasked = !this.#stopping && (atBirth || code !== 0);
    if (unasked) {
      this.#log.error({ worker: charge.row, workerPid: charge.worker.pid, cause, atBirth }, 'worker died');
      this.#events.died(charge.row);
    }
    this.#events.gone(charge.row);
    if (this.#stopping) {
      if (this.#charges().length === 0) this.#allGone?.();
      return;
    }
    this.#birthDeaths = atBirth ? this.#birthDeaths + 1 : 0;
    // while some worker serves, a gateway with a hole is better than none
    if (this.#birthDeaths >= this.#timing.birthDeathsMax && this.#ready().length === 0) {
      this.#stop();
      this.#events.hopeless(
        `Workers died ${this.#birthDeaths} times in a row before they were ready (the last one by ${cause}), giving up. What they said stands above.`,
      );
      return;
    }
    this.#respawn(seat, monotonicMs() - charge.bornMs);
  }

  #respawn(seat: Seat, livedMs: number): void {
    if (livedMs >= this.#timing.settledMs) seat.backoffMs = this.#timing.backoffMinMs;
    seat.timer = setTimeout(() => {
      seat.timer = null;
      this.#seat(seat);
    }, seat.backoffMs);
    seat.backoffMs = Math.min(seat.backoffMs * 2, this.#timing.backoffMaxMs);
  }

  #killLate(charge: Charge): void {
    this.#log.error(
      { worker: charge.row, workerPid: charge.worker.pid },
      `worker was not ready after ${this.#timing.startDeadlineMs} ms, killing it`,
    );
    charge.worker.kill('SIGKILL');
  }

  #killSilent(row: number, silentMs: number): void {
    this.#log.error({ worker: row, silentMs: Math.round(silentMs) }, 'worker stands still, killing it');
    this.kill(row, 'SIGKILL');
  }

  #charges(): Charge[] {
    return this.#seats.flatMap((seat) => seat.charge ?? []);
  }

  #ready(): Charge[] {
    return this.#charges().filter((charge) => charge.state === 'ready');
  }

  #charge(row: number): Charge | undefined {
    return this.#charges().find((charge) => charge.row === row);
  }
}
