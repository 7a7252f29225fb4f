// Who owns the host's control segment. A primary locks it; what an earlier one left is adopted, with its counters and
// with the workers that still serve (orphans): they keep their rows until they are gone, and are told to leave once
// our own workers are ready. Called by the primary at its start and when it drains.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { OperatorError } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';
import type { SegmentShape } from '../shared/memory/layout.ts';
import { Segment, type SegmentLock } from '../shared/memory/segment.ts';
import { processStartTicks } from '../shared/memory/slots.ts';

export interface Orphan {
  pid: number;
  startTicks: number;
  /** null: it sits in a segment that we could not adopt */
  row: number | null;
}

export interface Possession {
  lock: SegmentLock;
  segment: Segment;
  adopted: boolean;
  orphans: Orphan[];
}

/** Processes of somebody else do not tell us when they end. */
const WATCH_INTERVAL_MS = 50;

/** @throws OperatorError while another primary lives */
export function takePossession(path: string, shape: SegmentShape, workers: number, log: Logger): Possession {
  const lock = Segment.lock(path);
  if (!lock) throw new OperatorError(`Weir is already running with this config as pid ${primaryPid(path)}.`);
  const found = existsSync(path);
  const left = found ? attachLeft(path, log) : null;
  const orphans = left ? findOrphans(left) : found ? findStrangers(path) : [];
  if (left && suffices(left.shape, shape, workers, orphans.length)) {
    for (let row = 0; row < left.shape.rows; row++) {
      if (!orphans.some((orphan) => orphan.row === row)) left.sweep(row);
    }
    left.setHostDraining(false);
    log.info({ orphans: orphans.map(({ pid }) => pid), epoch: left.epoch() }, 'control segment adopted');
    return { lock, segment: left, adopted: true, orphans };
  }
  left?.close();
  if (left) log.warn('the control segment of the earlier gateway is too small, counters start anew');
  const segment = Segment.create(path, shape);
  return { lock, segment, adopted: false, orphans: orphans.map((orphan) => ({ ...orphan, row: null })) };
}

/** Watches orphans until the last one is gone; only then it stops looking. */
export class OrphanWatch {
  readonly #segment: Segment;
  readonly #onRowFreed: () => void;
  #orphans: Orphan[];
  #timer: NodeJS.Timeout | null = null;
  #allGone: (() => void)[] = [];

  constructor(orphans: Orphan[], segment: Segment, onRowFreed: () => void) {
    this.#orphans = orphans;
    this.#segment = segment;
    this.#onRowFreed = onRowFreed;
    if (orphans.length > 0) this.#timer = setInterval(() => this.#look(), WATCH_INTERVAL_MS);
  }

  get pids(): number[] {
    return this.#orphans.map(({ pid }) => pid);
  }

  /** They stop accepting, finish what is in flight, and go. */
  signal(signal: NodeJS.Signals): void {
    for (const orphan of this.#orphans) {
      // the pid may be another's by now
      if (lives(orphan)) process.kill(orphan.pid, signal);
    }
  }

  /** Resolves when none is left. */
  gone(): Promise<void> {
    if (this.#orphans.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#allGone.push(resolve));
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    const left = this.#orphans.filter(lives);
    const gone = this.#orphans.filter((orphan) => !left.includes(orphan));
    if (gone.length === 0) return;
    this.#orphans = left;
    for (const { row } of gone) if (row !== null) this.#segment.sweep(row);
    if (left.length === 0) this.close();
    this.#onRowFreed();
    if (left.length === 0) for (const resolve of this.#allGone.splice(0)) resolve();
  }
}

function lives({ pid, startTicks }: Orphan): boolean {
  return processStartTicks(pid) === startTicks;
}

/** A segment of another version, or a damaged one, is no reason not to start. */
function attachLeft(path: string, log: Logger): Segment | null {
  try {
    return Segment.attach(path);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    log.warn({ reason: error.message }, 'the control segment of the earlier gateway cannot be adopted');
    return null;
  }
}

/** Every seat must find a row in the end, and at least one at once. */
function suffices(left: SegmentShape, wanted: SegmentShape, workers: number, orphans: number): boolean {
  const free = left.rows - 1 - orphans;
  return left.rows > workers && free > 0 && left.items >= wanted.items && left.cells >= wanted.cells;
}

function findOrphans(segment: Segment): Orphan[] {
  const orphans: Orphan[] = [];
  for (let row = 1; row < segment.slots.count; row++) {
    if (!segment.slots.alive(row)) continue;
    orphans.push({ row, pid: segment.slots.pid(row), startTicks: segment.slots.startTicks(row) });
  }
  return orphans;
}

/** Workers of a version whose segment we cannot read: what they were started with names it. Linux only. */
function findStrangers(path: string): Orphan[] {
  const orphans: Orphan[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (!environment(pid).includes(`WEIR_SEGMENT=${path}`)) continue;
    orphans.push({ row: null, pid, startTicks: processStartTicks(pid) });
  }
  return orphans;
}

function environment(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return []; // gone, or another user's
  }
}

function primaryPid(path: string): string {
  try {
    const segment = Segment.attach(path);
    const pid = segment.slots.pid(0);
    segment.close();
    return String(pid);
  } catch {
    return '(not known yet)'; // it is just starting
  }
}
