// The processes of a bench: started, read from /proc, and ended by their ids, whatever happens to the bench itself.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

interface Stat {
  pid: number;
  parent: number;
  ticks: number;
  /** with the pid, the identity of a process: a pid alone may be given anew */
  startTicks: number;
}

/** Fields of /proc/<pid>/stat, or null when it is gone. The name in it may hold blanks and parentheses. */
function stat(pid: number): Stat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null; // gone between two looks: an answer, not a fault
  }
  // After the name: field 3 is the first here.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (n: number) => Number(fields[n - 3]);
  return { pid, parent: field(4), ticks: field(14) + field(15), startTicks: field(22) };
}

/** A program and all that it forks. */
export class ProcessTree {
  readonly child: ChildProcess;
  readonly name: string;
  readonly #log: string;
  #exited: Promise<void>;

  /** @param log file that gets stdout and stderr */
  constructor(name: string, file: string, args: string[], log: string, env: NodeJS.ProcessEnv = process.env) {
    this.name = name;
    this.#log = log;
    const out = openSync(log, 'a');
    this.child = spawn(file, args, { stdio: ['ignore', out, out], env });
    closeSync(out);
    this.#exited = new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.once('error', () => resolve());
    });
  }

  get running(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The program and its descendants, as they are now. */
  members(): Stat[] {
    const all = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => stat(Number(name)))
      .filter((entry) => entry !== null);
    const members = all.filter(({ pid }) => pid === this.child.pid);
    for (const { pid } of members) members.push(...all.filter(({ parent }) => parent === pid));
    return members;
  }

  /** CPU time, user and system, that all members have used so far. */
  cpuUs(): number {
    return this.members().reduce((sum, { ticks }) => sum + ticks, 0) * (1e6 / ticksPerSecond);
  }

  /** Resident memory of all members together; pages that they share count once for each. */
  rssBytes(): number {
    return this.members().reduce((sum, { pid }) => sum + residentBytes(pid), 0);
  }

  lastWords(): string {
    return readFileSync(this.#log, 'utf8').trim().split('\n').slice(-15).join('\n');
  }

  /** SIGTERM, and after `ms` SIGKILL to every member that is still there. */
  async stop(ms = 3000): Promise<void> {
    const members = this.members();
    if (this.running) this.child.kill('SIGTERM');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.#exited, late]);
    clearTimeout(timer);
    // Weir's workers outlive their primary on purpose, so each is asked for by itself.
    for (const { pid, startTicks } of members) {
      if (stat(pid)?.startTicks === startTicks) kill(pid);
    }
    await this.#exited;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function residentBytes(pid: number): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0; // gone between two looks
  }
}
