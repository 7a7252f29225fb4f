// Who sits in each row: one line per process, written by that process alone (by the primary once it is dead). The
// primary reads it to see who lives and how late their loops are; an adopting primary reads it to find the orphans.
import { readFileSync } from 'node:fs';
import { InvariantError, invariant } from '../errors.ts';
import type { Layout } from './layout.ts';
import { SLOT, SLOT_F64, SLOT_ROLES, SLOT_STATES, SLOT_WORDS } from './layout.ts';

export type SlotState = (typeof SLOT_STATES)[number];
export type SlotRole = (typeof SLOT_ROLES)[number];

export class SlotTable {
  readonly count: number;
  readonly #i32: Int32Array;
  readonly #f64: Float64Array;
  readonly #words: number;
  readonly #doubles: number;

  constructor(i32: Int32Array, f64: Float64Array, layout: Layout, rows: number) {
    this.count = rows;
    this.#i32 = i32;
    this.#f64 = f64;
    this.#words = layout.slots / 4;
    this.#doubles = layout.slots / 8;
  }

  /**
   * Takes the row for a process; its state is then `starting`. The state is stored last: killed before, the row is free.
   * Throws InvariantError while another living process sits there, because a row has one writer.
   */
  claim(row: number, pid: number, startTicks: number, role: SlotRole): void {
    const holder = this.pid(row);
    if (this.state(row) !== 'free' && holder !== pid && isAlive(holder, this.startTicks(row))) {
      throw new InvariantError(`row ${row} of the control segment is held by the living process ${holder}`);
    }
    const at = this.#word(row);
    Atomics.store(this.#i32, at + SLOT.pid, pid);
    this.#f64[this.#double(row) + SLOT_F64.startTicks] = startTicks;
    Atomics.store(this.#i32, at + SLOT.role, SLOT_ROLES.indexOf(role));
    Atomics.store(this.#i32, at + SLOT.epochBuilt, 0);
    this.beat(row, 0, 0);
    this.setState(row, 'starting');
  }

  state(row: number): SlotState {
    return SLOT_STATES[Atomics.load(this.#i32, this.#word(row) + SLOT.state)]!;
  }

  setState(row: number, state: SlotState): void {
    Atomics.store(this.#i32, this.#word(row) + SLOT.state, SLOT_STATES.indexOf(state));
  }

  role(row: number): SlotRole {
    return SLOT_ROLES[Atomics.load(this.#i32, this.#word(row) + SLOT.role)]!;
  }

  /** 0 in a row that nobody ever had, or that was swept. */
  pid(row: number): number {
    return Atomics.load(this.#i32, this.#word(row) + SLOT.pid);
  }

  startTicks(row: number): number {
    return this.#f64[this.#double(row) + SLOT_F64.startTicks]!;
  }

  /** Whether the very process that claimed the row still runs (and not another one that got its pid). */
  alive(row: number): boolean {
    return this.state(row) !== 'free' && isAlive(this.pid(row), this.startTicks(row));
  }

  epochBuilt(row: number): number {
    return Atomics.load(this.#i32, this.#word(row) + SLOT.epochBuilt);
  }

  setEpochBuilt(row: number, epoch: number): void {
    Atomics.store(this.#i32, this.#word(row) + SLOT.epochBuilt, epoch);
  }

  /** @param nowMs monotonicMs(); @param lagMs worst event-loop delay of the last second */
  beat(row: number, nowMs: number, lagMs: number): void {
    const at = this.#double(row);
    this.#f64[at + SLOT_F64.heartbeatMs] = nowMs;
    this.#f64[at + SLOT_F64.lagMs] = lagMs;
  }

  /** monotonicMs() of the last beat, 0 before the first. */
  heartbeatMs(row: number): number {
    return this.#f64[this.#double(row) + SLOT_F64.heartbeatMs]!;
  }

  lagMs(row: number): number {
    return this.#f64[this.#double(row) + SLOT_F64.lagMs]!;
  }

  /** Frees the row of a dead process. The pid goes first: killed in between, the row reads as one whose process is gone. */
  free(row: number): void {
    Atomics.store(this.#i32, this.#word(row) + SLOT.pid, 0);
    this.setState(row, 'free');
  }

  #word(row: number): number {
    invariant(row >= 0 && row < this.count, `row ${row} is outside the ${this.count} rows of the control segment`);
    return this.#words + row * SLOT_WORDS;
  }

  #double(row: number): number {
    return this.#doubles + (row * SLOT_WORDS) / 2;
  }
}

function isAlive(pid: number, startTicks: number): boolean {
  return pid !== 0 && processStartTicks(pid) === startTicks;
}

/**
 * When a process was started, in clock ticks since boot: with its pid, its identity. 0 when it is gone; a zombie is gone
 * too, it holds nothing but its exit code. Source: proc_pid_stat(5), field 22.
 */
export function processStartTicks(pid: number): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return 0; // ENOENT, or ESRCH when it ends between open and read
  }
  // field 2 is the name in parentheses and may itself hold blanks and parentheses: count from the last one
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  return state === 'Z' || state === 'X' ? 0 : Number(fields[22 - 3]);
}
