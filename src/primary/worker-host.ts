// Where worker processes come from: node:cluster, and nothing else of it but fork, messages and exit. The supervisor
// decides, this room carries out. node:cluster is used for its channel only: workers listen on their own.
import cluster, { type Worker } from 'node:cluster';
import { type PrimaryMessage, pack, unpack, type WorkerMessage } from '../shared/messages.ts';

export interface HostOptions {
  /** the file that a worker runs: main.ts, in a unit test a stand-in */
  exec: string;
  /** path of the control segment, for WEIR_SEGMENT */
  segmentPath: string;
}

export interface WorkerEvents {
  message(message: WorkerMessage): void;
  /** once, when the process is gone or could not be made. `code` null: ended by `signal`. */
  exit(code: number | null, signal: string | null): void;
}

/** A process of ours. `pid` is 0 when it could not be made; its exit event follows. */
export interface HostedWorker {
  readonly pid: number;
  /** Silently nothing when the channel is closed: the exit event is on its way then. */
  send(bytes: Uint8Array): void;
  kill(signal: NodeJS.Signals): void;
}

/** --disable-sigusr1: no signal opens the inspector of a worker, see early-signals.ts. */
const WORKER_EXEC_ARGV = [
  '--disable-sigusr1',
  '--disable-warning=ExperimentalWarning',
  // of 16 MB by default: while a large plan is built almost all of it survives, and one scavenge held requests up for
  // 20 to 90 ms. With 4 MB the worst was 14 ms, and memory under load fell by 15 MB a worker.
  '--max-semi-space-size=4',
  // its helper threads would only take the cores of other workers: half the time of a scavenge without them
  '--no-parallel-scavenge',
];

export class WorkerHost {
  readonly #segmentPath: string;

  constructor(options: HostOptions) {
    this.#segmentPath = options.segmentPath;
    // 'advanced' carries bytes as bytes; the default would turn each plan into JSON
    cluster.setupPrimary({ exec: options.exec, args: [], execArgv: WORKER_EXEC_ARGV, serialization: 'advanced' });
  }

  fork(row: number, events: WorkerEvents): HostedWorker {
    const worker = cluster.fork({ WEIR_SEGMENT: this.#segmentPath, WEIR_ROW: String(row) });
    let ended = false;
    const end = (code: number | null, signal: string | null): void => {
      if (ended) return;
      ended = true;
      events.exit(code, signal);
    };
    worker.on('message', (bytes: Uint8Array) => events.message(unpack<WorkerMessage>(bytes)));
    worker.on('exit', end);
    worker.on('error', (error: NodeJS.ErrnoException) => {
      // a process that could not be made (EAGAIN, ENOMEM) has an error and no exit
      if (worker.process.pid === undefined) end(null, error.code ?? 'spawn failed');
    });
    return {
      pid: worker.process.pid ?? 0,
      send: (bytes) => send(worker, bytes),
      kill: (signal) => kill(worker, signal),
    };
  }
}

export function packMessage(message: PrimaryMessage): Uint8Array {
  return pack(message);
}

function send(worker: Worker, bytes: Uint8Array): void {
  if (!worker.isConnected()) return;
  // with a callback a closed channel is no 'error' event
  worker.process.send?.(bytes, undefined, undefined, () => {});
}

function kill(worker: Worker, signal: NodeJS.Signals): void {
  if (!worker.isDead()) worker.process.kill(signal);
}
