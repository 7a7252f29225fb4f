// One timer for all deadlines of a worker: a hashed wheel (Varghese and Lauck, 1987). Starting and stopping one is a
// few pointer writes, where a Timeout object each would cost an allocation and 0.3 us twice per request.
// A deadline fires within TICK_MS after its time, never before it.
import { monotonicMs } from '../../shared/clock.ts';

const TICK_MS = 10;
const SLOTS = 512;

/** Extend this; `expired` is called once, on the loop, unless `stop` came first. */
export abstract class Deadline {
  /** monotonicMs at which it fires; read for "how much time is left" */
  dueMs = 0;
  wheelNext: Deadline | null = null;
  wheelPrevious: Deadline | null = null;
  /** slot it hangs in; -1: none */
  wheelSlot = -1;
  abstract expired(): void;
}

export class Deadlines {
  readonly #slots: (Deadline | null)[] = new Array(SLOTS).fill(null);
  #count = 0;
  /** ticks since the axis began; every slot up to and including this one has been served */
  #tick = 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param afterMs from `nowMs`, which is monotonicMs */
  start(deadline: Deadline, nowMs: number, afterMs: number): void {
    if (this.#timer === null) {
      this.#tick = Math.floor(nowMs / TICK_MS);
      this.#timer = setTimeout(this.#onTick, untilNextTick(nowMs));
    }
    deadline.dueMs = nowMs + afterMs;
    const tick = Math.max(Math.ceil(deadline.dueMs / TICK_MS), this.#tick + 1);
    this.#insert(deadline, tick % SLOTS);
  }

  stop(deadline: Deadline): void {
    const slot = deadline.wheelSlot;
    if (slot < 0) {
      // it may be on the list of those that fire in this very tick
      deadline.dueMs = Number.POSITIVE_INFINITY;
      return;
    }
    const { wheelNext: next, wheelPrevious: previous } = deadline;
    if (previous === null) this.#slots[slot] = next;
    else previous.wheelNext = next;
    if (next !== null) next.wheelPrevious = previous;
    deadline.wheelNext = null;
    deadline.wheelPrevious = null;
    deadline.wheelSlot = -1;
    this.#count -= 1;
  }

  #insert(deadline: Deadline, slot: number): void {
    const head = this.#slots[slot]!;
    deadline.wheelSlot = slot;
    deadline.wheelPrevious = null;
    deadline.wheelNext = head;
    if (head !== null) head.wheelPrevious = deadline;
    this.#slots[slot] = deadline;
    this.#count += 1;
  }

  readonly #onTick = (): void => {
    const nowMs = monotonicMs();
    const nowTick = Math.floor(nowMs / TICK_MS);
    // after a stall of more than a whole turn every slot is looked at once
    const first = Math.max(this.#tick + 1, nowTick - SLOTS + 1);
    for (let tick = first; tick <= nowTick; tick++) this.#serve(tick % SLOTS, nowMs);
    this.#tick = Math.max(this.#tick, nowTick);
    this.#timer = this.#count > 0 ? setTimeout(this.#onTick, untilNextTick(nowMs)) : null;
  };

  #serve(slot: number, nowMs: number): void {
    let due: Deadline[] | null = null;
    for (let deadline = this.#slots[slot] ?? null; deadline !== null; ) {
      const next: Deadline | null = deadline.wheelNext;
      if (deadline.dueMs <= nowMs) {
        this.stop(deadline);
        due ??= [];
        due.push(deadline);
      }
      deadline = next;
    }
    if (due === null) return;
    for (const deadline of due) if (deadline.dueMs <= nowMs) deadline.expired();
  }
}

/** Ticks lie on the axis, not 10 ms after whatever the last one took: a deadline would come up to two of them late. */
function untilNextTick(nowMs: number): number {
  return Math.ceil(TICK_MS - (nowMs % TICK_MS));
}
