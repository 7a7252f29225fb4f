// A supervisor over stand-in workers, in a segment and a directory of the test's own. Used by the supervisor's and the
// publication's tests; each runs real processes, since processes are what these rooms are about.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { Publication, packPlan } from '../../src/primary/reload/publication.ts';
import { Supervisor, type Timing } from '../../src/primary/supervisor.ts';
import { WorkerHost } from '../../src/primary/worker-host.ts';
import { shapeFor } from '../../src/shared/memory/layout.ts';
import { Segment } from '../../src/shared/memory/segment.ts';
import type { PlanHead } from '../../src/shared/plan.ts';

export interface Happening {
  what: 'ready' | 'gone' | 'died' | 'hopeless' | 'refused';
  row: number;
  text: string;
}

export class Supervised implements AsyncDisposable {
  readonly segment: Segment;
  readonly supervisor: Supervisor;
  readonly publication: Publication;
  readonly happened: Happening[] = [];
  readonly #directory: string;
  #waiting: (() => void)[] = [];

  constructor(behaviour: string, timing: Partial<Timing> = {}, buildDeadlineMs = 5000) {
    process.env['STAND_IN'] = behaviour;
    this.#directory = mkdtempSync(join(tmpdir(), 'weir-supervised-'));
    this.segment = Segment.create(join(this.#directory, 'segment'), shapeFor(2, 1, 1));
    const exec = fileURLToPath(new URL('./children/stand-in-worker.ts', import.meta.url));
    const host = new WorkerHost({ exec, segmentPath: this.segment.path as string });
    const log = pino({ level: 'silent' });
    const events = {
      message: (row: number, message: Parameters<Publication['onMessage']>[1]) => {
        this.publication.onMessage(row, message);
        if (message.type === 'ready') this.#note('ready', row);
      },
      gone: (row: number) => {
        this.publication.onGone(row);
        this.#note('gone', row);
      },
      died: (row: number) => this.#note('died', row),
      hopeless: (sentence: string) => this.#note('hopeless', 0, sentence),
    };
    this.supervisor = new Supervisor(this.segment, host, log, events, { backoffMinMs: 10, ...timing });
    this.publication = new Publication(this.segment, this.supervisor, log, emptyPlan(1), buildDeadlineMs);
    this.publication.onRefusedAtBirth = (reason) => this.#note('refused', 0, reason);
  }

  /** Resolves with the `nth` (from 1) happening of this kind, past or future. */
  async when(what: Happening['what'], nth = 1, deadlineMs = 10_000): Promise<Happening> {
    const late = AbortSignal.timeout(deadlineMs);
    for (;;) {
      const found = this.happened.filter((happening) => happening.what === what)[nth - 1];
      if (found) return found;
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve);
        late.onabort = () => reject(new Error(`no ${what} #${nth}; happened: ${JSON.stringify(this.happened)}`));
      });
    }
  }

  count(what: Happening['what']): number {
    return this.happened.filter((happening) => happening.what === what).length;
  }

  pids(): number[] {
    return this.supervisor.workers().map(({ pid }) => pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.killAll();
    this.segment.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #note(what: Happening['what'], row: number, text = ''): void {
    this.happened.push({ what, row, text });
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

export function emptyPlan(epoch: number): ReturnType<typeof packPlan> {
  const limits = {
    maxHeaderBytes: 65_536,
    maxHeaders: 200,
    maxBodyBytes: 1024,
    headerTimeoutMs: 1000,
    idleTimeoutMs: 1000,
    maxConnections: 10,
  };
  const head: PlanHead = { epoch, hash: '0', listeners: [], limits, trustedProxies: [], upstreams: [], routeCount: 0 };
  return packPlan(head, []);
}
