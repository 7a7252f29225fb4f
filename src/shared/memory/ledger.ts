// Exact caps over the whole host without a lock: for each item every process has one cell that only it writes, and who
// wants a slot raises its own cell first and then sums all of them. Above the cap it lowers its cell again and refuses.
// One instance per process and row; the gate of an upstream asks it for every request.
//
// Why it never exceeds. Call a slot granted from the moment tryRaise has returned true until lower() stores. Suppose that
// at some moment t more than `cap` slots were granted. All their raising stores lie before t, and all their lowering
// stores after it. Atomics are sequentially consistent, so these stores lie in one total order; look at the last of
// them. Its scan loads every cell after that store and before t, so it finds each of the other slots already raised and
// not yet lowered: its sum is the number of granted slots at least, more than `cap`, and it was refused. Contradiction.
// (A process grants itself several slots one after the other, so "the last store" covers those in one cell too. The scan
// ends at the mark rowsUsed, loaded after the raising store; a row moves the mark before its first raise, so each row that
// has raised before is in the scan.)
//
// What it costs: at the brim two askers may see each other's raise and both be refused although one slot was free. Who
// queues asks again. And a plain reader may see the sum above the cap for the moment between raise and refusal: gauges
// show min(sum, cap).
//
// A killed process leaves its cells too high, never too low. Once it is surely dead, sweep() zeroes them.
import { InvariantError } from '../errors.ts';
import type { Layout } from './layout.ts';
import { HEADER } from './layout.ts';

export class Ledger {
  readonly #i32: Int32Array;
  readonly #first: number;
  readonly #stride: number;
  readonly #row: number;

  constructor(i32: Int32Array, layout: Layout, row: number) {
    this.#i32 = i32;
    this.#first = layout.ledger / 4;
    this.#stride = layout.ledgerStride;
    this.#row = row;
    let used = Atomics.load(i32, HEADER.rowsUsed);
    while (used <= row) used = Atomics.compareExchange(i32, HEADER.rowsUsed, used, row + 1);
  }

  /** Counts one more without asking. */
  raise(item: number): void {
    const at = this.#first + item * this.#stride + this.#row;
    Atomics.store(this.#i32, at, this.#i32[at]! + 1); // the only writer may read plainly
  }

  /** Gives one back. Throws InvariantError when this process holds none: somebody gave back twice. */
  lower(item: number): void {
    const at = this.#first + item * this.#stride + this.#row;
    const own = this.#i32[at]!;
    if (own <= 0) throw new InvariantError(`row ${this.#row} lowered ledger item ${item} below zero`);
    Atomics.store(this.#i32, at, own - 1);
  }

  /** Writes this process's cell of an item that is no count: the others may read it, sweep() zeroes it. @param value int32 */
  publish(item: number, value: number): void {
    Atomics.store(this.#i32, this.#first + item * this.#stride + this.#row, value);
  }

  /** The earliest of the int32 times that the other processes publish; 0: none does. Wraps around as they do. */
  earliestElsewhere(item: number): number {
    const i32 = this.#i32;
    const from = this.#first + item * this.#stride;
    const mine = from + this.#row;
    const end = from + Atomics.load(i32, HEADER.rowsUsed);
    let earliest = 0;
    for (let at = from; at < end; at += 1) {
      const time = at === mine ? 0 : Atomics.load(i32, at);
      if (time !== 0 && (earliest === 0 || ((time - earliest) | 0) < 0)) earliest = time;
    }
    return earliest;
  }

  /** What this process holds. */
  own(item: number): number {
    return this.#i32[this.#first + item * this.#stride + this.#row]!;
  }

  /**
   * About what all processes hold together: plain loads, which cost a fifth of atomic ones and may be a moment old. For
   * balancing and showing; a cap is tryRaise's business.
   */
  sum(item: number): number {
    const i32 = this.#i32;
    const from = this.#first + item * this.#stride;
    const end = from + i32[HEADER.rowsUsed]!;
    let total = 0;
    for (let at = from; at < end; at += 1) total += i32[at]!;
    return total;
  }

  /**
   * Takes one slot of `cap` for this process: true, and the caller must lower() it exactly once; or false, and nothing is
   * held. `cap` 0 means no cap: always true, and counted all the same.
   */
  tryRaise(item: number, cap: number): boolean {
    const i32 = this.#i32;
    const from = this.#first + item * this.#stride;
    const mine = from + this.#row;
    const own = i32[mine]!;
    Atomics.store(i32, mine, own + 1);
    if (cap === 0) return true;
    const end = from + Atomics.load(i32, HEADER.rowsUsed);
    let total = 0;
    for (let at = from; at < end; at += 1) total += Atomics.load(i32, at);
    if (total <= cap) return true;
    Atomics.store(i32, mine, own);
    return false;
  }
}
