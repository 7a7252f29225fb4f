// An open-loop load: requests at a given rate, evenly spaced, whatever the answers do, over kept connections. The latency
// of each counts from the time for which it was scheduled, so one that had to wait because the contender stood still is
// charged with the wait (no coordinated omission). Run by latency.ts, or by hand; prints one line of JSON.
//
// usage: node bench/load/open-loop.ts --port N --rate N [--connections N] [--seconds N] [--warm-up N] [--path P]
//        [--method M] [--body BYTES] [--header 'Name: value']…
import { connect, type Socket } from 'node:net';
import { setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { AnswerReader } from './answer-reader.ts';
import { Histogram } from './histogram.ts';
import type { Pace } from './pacer.ts';
import { Schedule } from './schedule.ts';

export interface OpenLoopResult {
  /** counted requests: without those of the warm-up */
  requests: number;
  p50Us: number;
  p99Us: number;
  p999Us: number;
  maxUs: number;
  /** answers of 400 and above, connections that ended under a request, requests without an answer */
  failed: number;
  /** what the first failure was; '' without one */
  failure: string;
  /** found every connection busy, and waited: the contender's time, not the generator's */
  waited: number;
  /** seen by the generator more than 1 ms after they were due: its own fault, and in the latencies all the same */
  late: number;
  /** how late it saw them */
  lateP50Us: number;
  lateP99Us: number;
  lateMaxUs: number;
  /** of one core, that the generator used */
  cpuShare: number;
}

const LATE_MS = 1;
const LEAD_MS = 50;
const PATIENCE_MS = 5000;
const RECONNECT_MS = 20;
const IDLE = -1;

class Connection {
  readonly #port: number;
  readonly #loop: OpenLoop;
  #socket: Socket;
  #reader = new AnswerReader();
  /** index of the request in flight */
  asking = IDLE;

  constructor(port: number, loop: OpenLoop) {
    this.#port = port;
    this.#loop = loop;
    this.#socket = this.#open();
  }

  send(index: number, request: Buffer): void {
    this.asking = index;
    this.#socket.write(request);
  }

  destroy(): void {
    this.#socket.removeAllListeners('close').destroy();
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    let words = 'the connection ended';
    this.#reader = new AnswerReader();
    socket.once('connect', () => this.#loop.free(this));
    socket.on('data', (piece) => {
      try {
        if (this.#reader.push(piece) === 0) return;
      } catch (error) {
        words = (error as Error).message;
        socket.destroy();
        return;
      }
      const asked = this.asking;
      this.asking = IDLE;
      this.#loop.answered(asked, this.#reader.status);
      if (this.#reader.closing) socket.destroy();
      else this.#loop.free(this);
    });
    socket.on('error', (error) => {
      words = error.message;
    });
    socket.once('close', () => {
      const asked = this.asking;
      this.asking = IDLE;
      this.#loop.lost(this, asked, words);
      setTimeout(() => {
        if (!this.#loop.over) this.#socket = this.#open();
      }, RECONNECT_MS);
    });
    return socket;
  }
}

export interface OpenLoad {
  port: number;
  rate: number;
  connections: number;
  seconds: number;
  warmUpSeconds: number;
  path: string;
  method: string;
  bodyBytes: number;
  headers: string[];
}

export class OpenLoop {
  over = false;
  readonly #startNs: bigint;
  readonly #schedule: Schedule;
  readonly #request: Buffer;
  readonly #latency = new Histogram();
  readonly #lateness = new Histogram();
  readonly #idle: Connection[] = [];
  /** indices of requests that are due and found no connection, oldest first from #backlogAt */
  readonly #backlog: number[] = [];
  #backlogAt = 0;
  readonly #connections: Connection[] = [];
  #next = 0;
  #settled = 0;
  #failed = 0;
  #failure = '';
  #waited = 0;
  #late = 0;
  readonly #pacer: Worker;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  #done!: () => void;
  readonly #settling = new Promise<void>((resolve) => {
    this.#done = resolve;
  });

  constructor(load: OpenLoad) {
    this.#request = requestBytes(load);
    this.#startNs = process.hrtime.bigint() + BigInt(LEAD_MS * 1e6);
    this.#schedule = new Schedule(load.rate, load.warmUpSeconds, load.seconds);
    for (let i = 0; i < load.connections; i++) this.#connections.push(new Connection(load.port, this));
    const pace: Pace = { startNs: this.#startNs, tickMs: this.#schedule.tickMs, stop: this.#stop };
    this.#pacer = new Worker(new URL('pacer.ts', import.meta.url), { workerData: pace });
    this.#pacer.on('message', () => this.#tick());
  }

  async run(): Promise<OpenLoopResult> {
    const cpu = process.cpuUsage();
    const began = performance.now();
    const endMs = this.#schedule.dueMs(this.#schedule.total) + PATIENCE_MS - this.#nowMs();
    const timer = setTimeout(this.#done, endMs);
    await this.#settling;
    clearTimeout(timer);
    const used = process.cpuUsage(cpu);
    const elapsedUs = (performance.now() - began) * 1000;
    this.over = true;
    Atomics.store(this.#stop, 0, 1);
    Atomics.notify(this.#stop, 0);
    this.#giveUp();
    for (const connection of this.#connections) connection.destroy();
    await this.#pacer.terminate();
    return {
      requests: this.#schedule.total - this.#schedule.warmUp,
      p50Us: this.#latency.percentile(50),
      p99Us: this.#latency.percentile(99),
      p999Us: this.#latency.percentile(99.9),
      maxUs: this.#latency.max,
      failed: this.#failed,
      failure: this.#failure,
      waited: this.#waited,
      late: this.#late,
      lateP50Us: this.#lateness.percentile(50),
      lateP99Us: this.#lateness.percentile(99),
      lateMaxUs: this.#lateness.max,
      cpuShare: (used.user + used.system) / elapsedUs,
    };
  }

  /** A connection is open and has nothing to do. */
  free(connection: Connection): void {
    if (this.#backlogAt === this.#backlog.length) {
      this.#idle.push(connection);
      return;
    }
    connection.send(this.#backlog[this.#backlogAt]!, this.#request);
    this.#backlogAt += 1;
  }

  answered(index: number, status: number): void {
    if (index === IDLE) return this.#fail(`an answer of ${status} that nobody asked for`);
    if (status >= 400 && this.#counts(index)) this.#fail(`an answer of ${status}`);
    this.#settle(index);
  }

  /** A connection ended; `asked` is what it owed, or IDLE. */
  lost(connection: Connection, asked: number, words: string): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (asked === IDLE) return;
    if (this.#counts(asked)) this.#fail(words);
    this.#settle(asked);
  }

  /** since the start of the schedule, on the clock that the pacer has too */
  #nowMs(): number {
    return Number(process.hrtime.bigint() - this.#startNs) / 1e6;
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    const due = this.#schedule.dueBy(nowMs);
    for (; this.#next < due; this.#next++) {
      if (this.#counts(this.#next)) {
        const lateMs = nowMs - this.#schedule.dueMs(this.#next);
        this.#lateness.record(lateMs * 1000);
        if (lateMs > LATE_MS) this.#late += 1;
      }
      // in turn over all connections: the one that has been idle the longest
      const connection = this.#idle.shift();
      if (connection) connection.send(this.#next, this.#request);
      else {
        this.#backlog.push(this.#next);
        if (this.#counts(this.#next)) this.#waited += 1;
      }
    }
  }

  #counts(index: number): boolean {
    return index >= this.#schedule.warmUp;
  }

  #settle(index: number): void {
    if (this.#counts(index)) this.#latency.record((this.#nowMs() - this.#schedule.dueMs(index)) * 1000);
    this.#settled += 1;
    if (this.#settled === this.#schedule.total) this.#done();
  }

  #fail(words: string): void {
    this.#failed += 1;
    this.#failure ||= words;
  }

  /** What is unanswered at the end is a failure, and its wait so far a latency: leaving it out would flatter. */
  #giveUp(): void {
    const open = this.#connections.map(({ asking }) => asking).filter((index) => index !== IDLE);
    const never = this.#schedule.total - this.#next;
    for (const index of [...open, ...this.#backlog.slice(this.#backlogAt)]) {
      if (this.#counts(index)) this.#fail(`no answer within ${PATIENCE_MS} ms after the last request`);
      this.#settle(index);
    }
    if (never > 0) this.#fail(`${never} requests were never sent`);
  }
}

function requestBytes({ method, path, port, headers, bodyBytes }: OpenLoad): Buffer {
  const length = bodyBytes > 0 ? [`Content-Length: ${bodyBytes}`, 'Content-Type: application/octet-stream'] : [];
  const lines = [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...headers, ...length, '', ''];
  return Buffer.from(lines.join('\r\n') + 'x'.repeat(bodyBytes), 'latin1');
}

function readLoad(args: string[]): OpenLoad {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string' },
      rate: { type: 'string' },
      connections: { type: 'string', default: '64' },
      seconds: { type: 'string', default: '5' },
      'warm-up': { type: 'string', default: '1' },
      path: { type: 'string', default: '/' },
      method: { type: 'string', default: 'GET' },
      body: { type: 'string', default: '0' },
      header: { type: 'string', multiple: true, default: [] },
    },
  });
  const number = (name: 'port' | 'rate' | 'connections' | 'seconds' | 'warm-up' | 'body', least: number) => {
    const value = Number(values[name] ?? Number.NaN);
    if (!(value >= least)) throw new Error(`--${name} takes a number from ${least}`);
    return value;
  };
  return {
    port: number('port', 1),
    rate: number('rate', 1),
    connections: number('connections', 1),
    seconds: number('seconds', 0),
    warmUpSeconds: number('warm-up', 0),
    path: values.path,
    method: values.method,
    bodyBytes: number('body', 0),
    headers: values.header,
  };
}

/** So that a busy contender does not hold the generator up; without the right to it, it runs like any other. */
function askForPrecedence(): void {
  try {
    setPriority(-10);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SYSTEM_ERROR') throw error;
  }
}

if (import.meta.main) {
  try {
    askForPrecedence();
    console.log(JSON.stringify(await new OpenLoop(readLoad(process.argv.slice(2))).run()));
  } catch (error) {
    console.error(`open-loop: ${(error as Error).message}`);
    process.exitCode = 2;
  }
}
