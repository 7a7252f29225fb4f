// Brings a plan into force in all workers at once, or in none. Two phases:
//
//   publish() ──plan──▶ every ready worker builds it beside the old one
//                 all plan_built ──▶ epoch word flips ──plan_commit──▶ new requests take it
//                 a plan_refused, or too late ──plan_abort──▶ the old plan goes on as if nothing had been
//
// A worker that dies meanwhile is not waited for. One that starts meanwhile, or missed a round, gets the plan in force
// on its own. Called by the reloader; the primary passes on what workers say.
import type { Logger } from '../../shared/log.ts';
import type { Segment } from '../../shared/memory/segment.ts';
import { pack, type WorkerMessage } from '../../shared/messages.ts';
import type { PlanHead } from '../../shared/plan.ts';

/** What a publication needs of the supervisor. */
export interface WorkersPort {
  workers(): { row: number; pid: number; state: 'starting' | 'ready' | 'draining' }[];
  send(row: number, bytes: Uint8Array): void;
  kill(row: number, signal: NodeJS.Signals): void;
}

export interface WorkerBuild {
  row: number;
  pid: number;
  tookMs: number;
}

export type Published = { ok: true; workers: WorkerBuild[] } | { ok: false; reason: string; workers: WorkerBuild[] };

/** A plan with every number resolved, packed once for all workers. */
export interface PackedPlan {
  head: PlanHead;
  messages: Uint8Array[];
}

/** Longest wait for all workers to have built a plan: 10,000 routes take about 0.3 s. */
const BUILD_DEADLINE_MS = 10_000;

interface Round {
  plan: PackedPlan;
  /** row → pid of the workers that have not answered */
  waiting: Map<number, number>;
  built: WorkerBuild[];
  end(published: Published): void;
}

export class Publication {
  readonly #segment: Segment;
  readonly #workers: WorkersPort;
  readonly #log: Logger;
  readonly #deadlineMs: number;
  /** row → epoch of the last plan that its worker was sent */
  readonly #given = new Map<number, number>();
  #inForce: PackedPlan;
  #round: Round | null = null;
  /** a worker cannot take the plan in force: an address was taken, most likely */
  onRefusedAtBirth: (reason: string) => void = () => {};

  /** `first` is in force from here on, before any worker exists. */
  constructor(segment: Segment, workers: WorkersPort, log: Logger, first: PackedPlan, deadlineMs = BUILD_DEADLINE_MS) {
    this.#segment = segment;
    this.#workers = workers;
    this.#log = log;
    this.#deadlineMs = deadlineMs;
    this.#inForce = first;
    segment.publishEpoch(first.head.epoch);
  }

  get inForce(): PackedPlan {
    return this.#inForce;
  }

  /** One at a time; the reloader sees to that. */
  publish(plan: PackedPlan): Promise<Published> {
    return new Promise((resolve) => {
      const ready = this.#workers.workers().filter(({ state }) => state === 'ready');
      const deadline = setTimeout(() => this.#tooLate(), this.#deadlineMs);
      this.#round = {
        plan,
        waiting: new Map(ready.map(({ row, pid }) => [row, pid])),
        built: [],
        end: (published) => {
          clearTimeout(deadline);
          this.#round = null;
          resolve(published);
        },
      };
      for (const { row } of ready) this.#give(row, plan);
      this.#commitWhenBuilt();
    });
  }

  onMessage(row: number, message: WorkerMessage): void {
    switch (message.type) {
      case 'hello':
        return this.#give(row, this.#inForce);
      case 'ready':
        // a round may have passed while it started
        if (this.#given.get(row) !== this.#inForce.head.epoch) this.#give(row, this.#inForce);
        return;
      case 'plan_built':
        return this.#onBuilt(row, message.epoch, message.tookMs);
      case 'plan_refused':
        return this.#onRefused(row, message.epoch, message.reason);
    }
  }

  onGone(row: number): void {
    this.#given.delete(row);
    if (this.#round?.waiting.delete(row)) this.#commitWhenBuilt();
  }

  #give(row: number, plan: PackedPlan): void {
    this.#given.set(row, plan.head.epoch);
    for (const message of plan.messages) this.#workers.send(row, message);
  }

  #onBuilt(row: number, epoch: number, tookMs: number): void {
    const round = this.#round;
    const pid = round?.waiting.get(row);
    if (round && pid !== undefined && epoch === round.plan.head.epoch) {
      round.waiting.delete(row);
      round.built.push({ row, pid, tookMs });
      this.#commitWhenBuilt();
    } else if (epoch === this.#inForce.head.epoch) {
      this.#workers.send(row, pack({ type: 'plan_commit', epoch }));
    }
  }

  #onRefused(row: number, epoch: number, reason: string): void {
    const round = this.#round;
    if (round && epoch === round.plan.head.epoch) {
      this.#abort(`worker ${row} refused the plan: ${reason}`);
    } else if (epoch === this.#inForce.head.epoch) {
      this.#log.error({ worker: row, epoch, reason }, 'worker cannot take the plan in force, replacing it');
      this.onRefusedAtBirth(reason);
      this.#workers.kill(row, 'SIGKILL');
    }
  }

  #commitWhenBuilt(): void {
    const round = this.#round;
    if (!round || round.waiting.size > 0) return;
    const { epoch } = round.plan.head;
    this.#segment.publishEpoch(epoch);
    this.#inForce = round.plan;
    const commit = pack({ type: 'plan_commit', epoch });
    for (const { row, state } of this.#workers.workers()) {
      if (this.#given.get(row) === epoch) this.#workers.send(row, commit);
      // became ready during the round; one that still starts is asked when it is ready
      else if (state === 'ready') this.#give(row, round.plan);
    }
    round.end({ ok: true, workers: round.built });
  }

  #tooLate(): void {
    const rows = [...(this.#round?.waiting.keys() ?? [])].join(', ');
    this.#abort(`worker ${rows} did not build the plan within ${this.#deadlineMs} ms`);
  }

  #abort(reason: string): void {
    const round = this.#round;
    if (!round) return;
    const abort = pack({ type: 'plan_abort', epoch: round.plan.head.epoch });
    for (const [row, epoch] of this.#given) {
      if (epoch !== round.plan.head.epoch) continue;
      this.#workers.send(row, abort);
      this.#given.set(row, this.#inForce.head.epoch);
    }
    round.end({ ok: false, reason, workers: round.built });
  }
}

/** Packs a resolved plan: each message once, for however many workers. */
export function packPlan(head: PlanHead, parts: readonly Uint8Array[]): PackedPlan {
  const { epoch } = head;
  return {
    head,
    messages: [
      pack({ type: 'plan_head', epoch, head: pack(head) }),
      ...parts.map((routes) => pack({ type: 'plan_routes', epoch, routes })),
      pack({ type: 'plan_end', epoch }),
    ],
  };
}
