// What a soak stands on: directories, an origin, a gateway. Whatever happens, `clear` ends every process of it by its id
// and removes its files. Used by the soak, by the full load and by the bench of idle connections.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause, until } from '../../test/helpers/deadline.ts';
import { type Gateway, startGateway } from '../../test/helpers/gateway.ts';
import { freePort } from '../../test/helpers/ports.ts';
import { processesOf } from './census.ts';
import type { Site } from './config.ts';
import { type SoakOrigin, startSoakOrigin } from './origin.ts';

export class Stage {
  /** of the gateway alone: its processes are known by it */
  readonly runtime = mkdtempSync(join(tmpdir(), 'weir-soak-'));
  readonly #files = mkdtempSync(join(tmpdir(), 'weir-soak-origin-'));
  origin: SoakOrigin | null = null;
  readonly #endings: (() => Promise<unknown>)[] = [];

  /** An interrupted bench ends what it started, too. */
  constructor() {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      process.once(signal, () => {
        console.error('\ninterrupted: ending what was started');
        this.clear().finally(() => process.exit(code));
      });
    }
  }

  async site(): Promise<Site> {
    this.origin = await startSoakOrigin(this.#files);
    return { port: await freePort(), adminPort: await freePort(), originPorts: this.origin.ports };
  }

  gateway(config: string, workers: number, onSpawn: (pid: number) => void = () => {}): Promise<Gateway> {
    return startGateway({
      config,
      workers,
      directory: this.runtime,
      env: { WEIR_LOG: 'warn' },
      deadlineMs: 30_000,
      onSpawn: (child) => onSpawn(child.pid ?? 0),
    });
  }

  /** Called by `clear`, before anything else. */
  alsoEnd(ending: () => Promise<unknown>): void {
    this.#endings.push(ending);
  }

  /** SIGTERM to the primary. @returns what should not be there afterwards, in sentences */
  async finish(gateway: Gateway): Promise<string[]> {
    const found: string[] = [];
    gateway.child.kill('SIGTERM');
    try {
      const code = await gateway.exit(45_000);
      if (code !== 0) found.push(`the primary ended with ${code} after SIGTERM`);
    } catch {
      found.push('the primary did not end within 45 s after SIGTERM');
    }
    const left = await until(5000, 'the end of all processes', () => processesOf(this.runtime).length === 0).then(
      () => [],
      () => processesOf(this.runtime),
    );
    if (left.length > 0) found.push(`left over: processes ${left.join(', ')}`);
    const files = readdirSync(this.runtime).filter((name) => name !== 'gateway.yaml');
    if (files.length > 0) found.push(`left over: files ${files.join(', ')}`);
    return found;
  }

  async clear(): Promise<void> {
    for (const ending of this.#endings) await ending();
    // a primary that was just started may fork while we look: until a look finds nobody
    for (let looks = 0; looks < 20; looks++) {
      const left = processesOf(this.runtime);
      if (left.length === 0) break;
      for (const pid of left) kill(pid);
      await pause(50);
    }
    await this.origin?.tree.stop();
    for (const directory of [this.runtime, this.#files]) rmSync(directory, { recursive: true, force: true });
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
