// A real gateway for a test: bin/weir as an operator starts it, with a config of the test's own, in directories of its
// own, on ports that the kernel chose. Called by every story that needs real processes.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface GatewayOptions {
  /** YAML. Without an `admin:` section, one on a free port is added. */
  config: string;
  /** default 1: a test asks for more when it is about more */
  workers?: number;
  env?: Record<string, string>;
  /** further arguments of `weir run` */
  args?: string[];
  /** the directory of an earlier gateway, to take over what it left: same config file, same segment */
  directory?: string;
  /** milliseconds until the ready line; default 15,000 */
  deadlineMs?: number;
  /** with the process, long before it is ready */
  onSpawn?: (child: ChildProcess) => void;
}

export interface ReloadAnswer {
  ok: boolean;
  epoch: number;
  hash: string | null;
  tookMs: number;
  source: string;
  reason: string | null;
  faults: { severity: string; file: string; line: number; col: number; path: string; message: string }[];
  workers: { row: number; pid: number; tookMs: number }[];
}

export interface GatewayState {
  version: string;
  pid: number;
  epoch: number;
  hash: string;
  draining: boolean;
  routes: number;
  orphans: number[];
  workers: { row: number; pid: number; state: string; epochBuilt: number; heartbeatAgeMs: number; lagMs: number }[];
  reload: ReloadAnswer | null;
}

const WEIR = fileURLToPath(new URL('../../bin/weir', import.meta.url));

/** Starts `weir run` and waits for its ready line. Rejects with what it said on stderr when it does not come up. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'weir-test-'));
  const configPath = join(directory, 'gateway.yaml');
  writeFileSync(configPath, withAdmin(options.config));
  const child = spawn(
    WEIR,
    ['run', '--config', configPath, '--workers', String(options.workers ?? 1), ...(options.args ?? [])],
    { env: { ...process.env, WEIR_RUNTIME_DIR: directory, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const gateway = new Gateway(child, directory, configPath);
  options.onSpawn?.(child);
  try {
    await gateway.whenReady(options.deadlineMs ?? 15_000);
  } catch (error) {
    child.kill('SIGKILL');
    if (!options.directory) {
      killProcessesOf(directory);
      rmSync(directory, { recursive: true, force: true });
    }
    throw error;
  }
  return gateway;
}

export class Gateway implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly directory: string;
  readonly configPath: string;
  /** of each listener, in the order of the config */
  urls: string[] = [];
  adminUrl = '';
  #stdout = '';
  #stderr = '';
  #exit: Promise<number | string>;
  #seen: (() => void)[] = [];

  constructor(child: ChildProcess, directory: string, configPath: string) {
    this.child = child;
    this.directory = directory;
    this.configPath = configPath;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#wake();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#wake();
    });
    this.#exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        resolve(code ?? signal ?? 'unknown');
        this.#wake();
      });
    });
  }

  get url(): string {
    const [first] = this.urls;
    assert.ok(first, 'the gateway has no listener');
    return first;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  stdout(): string {
    return this.#stdout;
  }

  /** Of the primary and, since they share it, of its workers. */
  stderr(): string {
    return this.#stderr;
  }

  exited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Exit code, or the name of the signal that ended the primary. */
  exit(deadlineMs = 15_000): Promise<number | string> {
    return within(this.#exit, deadlineMs, () => `the gateway did not exit\n${this.#stderr}`);
  }

  /** Resolves once stderr matches; looks again with each piece that arrives. */
  async stderrMatch(pattern: RegExp, deadlineMs = 10_000): Promise<RegExpMatchArray> {
    await this.#until(() => pattern.test(this.#stderr), deadlineMs, `${pattern} on stderr`);
    return this.#stderr.match(pattern) as RegExpMatchArray;
  }

  async whenReady(deadlineMs: number): Promise<void> {
    await this.#until(() => this.exited() || /^ {2}admin {4}\S+\n/m.test(this.#stdout), deadlineMs, 'a ready line');
    if (!/^weir \S+ ready: /m.test(this.#stdout)) {
      throw new Error(`weir run ended with ${await this.#exit} before it was ready\n${this.#stdout}${this.#stderr}`);
    }
    this.urls = [...this.#stdout.matchAll(/^ {2}gateway {2}(\S+)$/gm)].map((match) => match[1] as string);
    this.adminUrl = this.#stdout.match(/^ {2}admin {4}(\S+)$/m)?.[1] ?? '';
  }

  admin(path: string, init?: RequestInit): Promise<Response> {
    return fetch(new URL(path, this.adminUrl), { signal: AbortSignal.timeout(15_000), ...init });
  }

  async state(): Promise<GatewayState> {
    return (await (await this.admin('/api/state')).json()) as GatewayState;
  }

  async workerPids(): Promise<number[]> {
    return (await this.state()).workers.map((worker) => worker.pid);
  }

  /** Asks again until `holds`; the last answer is in the error when the deadline passes. */
  async stateWhen(holds: (state: GatewayState) => boolean, deadlineMs = 10_000): Promise<GatewayState> {
    const deadline = Date.now() + deadlineMs;
    for (;;) {
      const state = await this.state();
      if (holds(state)) return state;
      if (Date.now() > deadline) throw new Error(`state stayed ${JSON.stringify(state)}\n${this.#stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Writes `yaml` (when given) over the config and reloads through the admin interface. */
  async reload(yaml?: string): Promise<ReloadAnswer> {
    if (yaml !== undefined) writeFileSync(this.configPath, withAdmin(yaml));
    return (await (await this.admin('/-/reload', { method: 'POST' })).json()) as ReloadAnswer;
  }

  /** Samples of /metrics by their full name with labels, as they stand: `http_requests_total{route="a",…}`. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await this.admin('/metrics')).text();
    const samples = new Map<string, number>();
    for (const line of text.split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      const end = line.lastIndexOf(' ');
      samples.set(line.slice(0, end), Number(line.slice(end + 1)));
    }
    return samples;
  }

  /** What is left in the runtime directory besides the config file. */
  leftovers(): string[] {
    return readdirSync(this.directory).filter((name) => name !== 'gateway.yaml');
  }

  /** SIGTERM, waits, expects exit code 0, removes the directory. Nothing of it runs afterwards, whatever comes. */
  async stop(): Promise<void> {
    if (!this.exited()) this.child.kill('SIGTERM');
    try {
      assert.equal(await this.exit(40_000), 0, `weir run did not exit cleanly\n${this.#stderr}`);
    } finally {
      this.#remove();
    }
  }

  /** kill -9 of the primary alone: its workers go on, and `startGateway({ directory })` takes over. */
  async kill9(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.exited()) await this.stop();
    else this.#remove();
  }

  #remove(): void {
    killProcessesOf(this.directory);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #wake(): void {
    for (const look of [...this.#seen]) look();
  }

  #until(holds: () => boolean, deadlineMs: number, what: string): Promise<void> {
    if (holds()) return Promise.resolve();
    let look: () => void = () => {};
    const seen = new Promise<void>((resolve) => {
      look = () => {
        if (holds()) resolve();
      };
      this.#seen.push(look);
    });
    return within(seen, deadlineMs, () => `no ${what} within ${deadlineMs} ms\n${this.#stdout}${this.#stderr}`).finally(
      () => this.#seen.splice(this.#seen.indexOf(look), 1),
    );
  }
}

/** A primary that was killed, or a test that failed, may leave workers: the runtime directory is theirs alone. */
function killProcessesOf(directory: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
      if (environment.includes(`WEIR_RUNTIME_DIR=${directory}`)) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // gone meanwhile, or another user's
    }
  }
}

function withAdmin(yaml: string): string {
  return /^admin:/m.test(yaml) ? yaml : `admin: { address: 127.0.0.1:0 }\n${yaml}`;
}

async function within<T>(promise: Promise<T>, deadlineMs: number, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(what())), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
