// What the soak does to the gateway: reloads, kills, takeovers, each watched until it has shown what it must. One at a time.
import { writeFileSync } from 'node:fs';
import { monotonicMs } from '../../src/shared/clock.ts';
import { pause, until } from '../../test/helpers/deadline.ts';
import { type Gateway, startGateway } from '../../test/helpers/gateway.ts';
import { clientsOf, isOver, stopProcess } from './census.ts';
import { badConfig, type Site, soakConfig } from './config.ts';
import type { Killed } from './judgement.ts';
import type { Random } from './random.ts';
import { type Samples, summed } from './samples.ts';
import type { Deed, Planned } from './schedule.ts';

/** One that was done, for the chart and the report. */
export interface Done {
  atSeconds: number;
  deed: Deed;
  tookMs: number;
  note: string;
}

const RELOAD_WITHIN_MS = 20_000;
const WORKER_BACK_WITHIN_MS = 20_000;

export class Deeds {
  readonly done: Done[] = [];
  readonly kills: Killed[] = [];
  /** in sentences */
  readonly troubles: string[] = [];
  /** the one in charge; a takeover replaces it */
  gateway: Gateway;
  readonly #site: Site;
  readonly #workers: number;
  readonly #random: Random;
  readonly #samples: Samples;
  #config: string;
  #stopped = false;

  constructor(gateway: Gateway, config: string, site: Site, workers: number, random: Random, samples: Samples) {
    this.gateway = gateway;
    this.#config = config;
    this.#site = site;
    this.#workers = workers;
    this.#random = random;
    this.#samples = samples;
  }

  /** Follows the plan until its end; a deed that takes long pushes the next ones back. */
  async follow(planned: readonly Planned[]): Promise<void> {
    const beganMs = performance.now();
    for (const { atMs, deed } of planned) {
      while (!this.#stopped && performance.now() - beganMs < atMs) {
        await pause(Math.min(200, Math.max(1, atMs - (performance.now() - beganMs))));
      }
      if (this.#stopped) return;
      const atSeconds = this.#samples.seconds();
      const startedMs = performance.now();
      try {
        const note = await this.#act(deed);
        this.done.push({ atSeconds, deed, tookMs: performance.now() - startedMs, note });
      } catch (error) {
        this.troubles.push(`${deed} at ${atSeconds.toFixed(1)} s: ${(error as Error).message}`);
      }
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  #act(deed: Deed): Promise<string> {
    if (deed === 'reload') return this.#reload();
    if (deed === 'bad_reload') return this.#badReload();
    if (deed === 'kill_worker') return this.#killWorker();
    return this.#killPrimary();
  }

  async #reload(): Promise<string> {
    const config = soakConfig(this.#site, this.#random);
    if (config === this.#config) return 'drew the same configuration';
    const { gateway } = this;
    const { epoch } = await gateway.state();
    this.#config = config;
    writeFileSync(gateway.configPath, config);
    gateway.child.kill('SIGUSR1');
    const after = await gateway.stateWhen((state) => state.epoch > epoch, RELOAD_WITHIN_MS);
    return `epoch ${after.epoch}, ${after.routes} routes, ${after.reload?.tookMs.toFixed(0)} ms`;
  }

  async #badReload(): Promise<string> {
    const { gateway } = this;
    const before = summed(await gateway.metrics(), 'config_reload_total');
    const { epoch } = await gateway.state();
    writeFileSync(gateway.configPath, badConfig(this.#config, this.#random));
    gateway.child.kill('SIGUSR1');
    try {
      await until(
        RELOAD_WITHIN_MS,
        'the refusal of a bad file',
        async () => summed(await gateway.metrics(), 'config_reload_total') > before,
        50,
      );
    } finally {
      writeFileSync(gateway.configPath, this.#config);
    }
    const state = await gateway.state();
    if (state.epoch !== epoch) throw new Error(`a bad file changed the epoch from ${epoch} to ${state.epoch}`);
    return 'refused';
  }

  async #killWorker(): Promise<string> {
    const { gateway } = this;
    const { workers, epoch } = await gateway.state();
    const ready = workers.filter(({ state }) => state === 'ready');
    if (ready.length < 2) return 'left out: fewer than two workers were ready';
    // Row 1 lives as long as its primary does: the lifetimes of the others are too short to see a slow leak.
    const { pid, row } = this.#random.pick(
      ready.filter((worker) => worker.row !== Math.min(...ready.map((w) => w.row))),
    );
    const stoppedMs = monotonicMs();
    // stopped first, so that the list of its clients is the list of those who lose something
    stopProcess(pid);
    const clients = clientsOf(pid, this.#site.port);
    process.kill(pid, 'SIGKILL');
    const killedMs = monotonicMs();
    await until(10_000, `the end of ${pid}`, () => isOver(pid), 1);
    this.kills.push({ pid, stoppedMs, killedMs, overMs: monotonicMs(), clients });
    await gateway.stateWhen(
      (state) =>
        state.workers.length === this.#workers &&
        state.workers.every((worker) => worker.pid !== pid && worker.state === 'ready' && worker.epochBuilt >= epoch),
      WORKER_BACK_WITHIN_MS,
    );
    return `row ${row}, pid ${pid}, ${clients.accepted.size} clients`;
  }

  async #killPrimary(): Promise<string> {
    const before = this.gateway;
    const { workers } = await before.state();
    await before.kill9();
    await pause(this.#random.between(200, 1500));
    this.gateway = await startGateway({
      config: this.#config,
      workers: this.#workers,
      directory: before.directory,
      env: { WEIR_LOG: 'warn' },
      deadlineMs: 30_000,
      onSpawn: (child) => this.#samples.primaries.add(child.pid ?? 0),
    });
    return `${workers.length} orphans handed over to pid ${this.gateway.pid}`;
  }
}
