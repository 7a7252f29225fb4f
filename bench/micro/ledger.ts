// The cap's two honest forms against each other: rows with one writer each (what the ledger does) and one word changed
// by compare-and-swap plus the holder's row. Run: node bench/micro/ledger.ts
// CPU ns for one take and give-back, median of the processes, with 1 to 16 processes on one item at once. With fewer cores
// than processes they meet less often than they would: the refusals at the brim are then too few.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layoutOf, shapeFor } from '../../src/shared/memory/layout.ts';
import type { Ledger } from '../../src/shared/memory/ledger.ts';
import { Segment } from '../../src/shared/memory/segment.ts';
import { type Figure, figure, present } from './harness.ts';

type Form = 'rows' | 'word';

interface Job {
  path: string;
  row: number;
  form: Form;
  cap: number;
  parent: number;
}

interface Result {
  ns: number;
  refused: number;
}

const ITEM = 4;
const GATE = 5;
/** of each process; CPU time is what counts, so that 16 on few cores run no longer */
const RUN_CPU_US = 150_000;
const WORLDS = [
  [1, 1],
  [8, 1],
  [64, 1],
  [8, 2],
  [8, 4],
  [16, 16],
  [64, 4],
  [64, 16],
] as const;

/** One shared word and the holder's row: the form that was not chosen. A kill between the two leaves them one apart. */
class WordLedger {
  readonly #i32: Int32Array;
  readonly #word: number;
  readonly #mine: number;

  constructor(segment: Segment, row: number) {
    const layout = layoutOf(segment.shape);
    this.#i32 = segment.i32;
    this.#word = segment.itemLine(ITEM);
    this.#mine = layout.ledger / 4 + ITEM * layout.ledgerStride + row;
  }

  tryRaise(_item: number, cap: number): boolean {
    const i32 = this.#i32;
    let held = Atomics.load(i32, this.#word);
    for (;;) {
      if (held >= cap) return false;
      const seen = Atomics.compareExchange(i32, this.#word, held, held + 1);
      if (seen === held) break;
      held = seen;
    }
    Atomics.store(i32, this.#mine, i32[this.#mine]! + 1);
    return true;
  }

  lower(_item: number): void {
    Atomics.store(this.#i32, this.#mine, this.#i32[this.#mine]! - 1);
    Atomics.sub(this.#i32, this.#word, 1);
  }
}

/** Both forms run in processes of their own: a call site that saw both classes would be slower for each. */
function work({ path, row, form, cap, parent }: Job): Result {
  const segment = Segment.attach(path);
  const ledger = form === 'rows' ? segment.ledger(row) : new WordLedger(segment, row);
  const gate = segment.itemLine(GATE);
  spin(ledger, cap, 200_000);
  process.send!('ready');
  // asleep and not spinning: the last of sixteen needs the processor to get ready
  const nap = new Int32Array(new SharedArrayBuffer(4));
  while (Atomics.load(segment.i32, gate) === 0) {
    if (process.ppid !== parent) process.exit(1);
    Atomics.wait(nap, 0, 0, 1);
  }
  let refused = 0;
  let rounds = 0;
  const from = process.cpuUsage(); // not the clock: with more processes than cores, each waits its turn
  let us = 0;
  do {
    refused += spin(ledger, cap, 10_000);
    rounds += 10_000;
    const { user, system } = process.cpuUsage(from);
    us = user + system;
  } while (us < RUN_CPU_US);
  return { ns: (us * 1000) / rounds, refused: refused / rounds };
}

function spin(ledger: Ledger | WordLedger, cap: number, rounds: number): number {
  let refused = 0;
  for (let i = 0; i < rounds; i += 1) {
    if (ledger.tryRaise(ITEM, cap)) ledger.lower(ITEM);
    else refused += 1;
  }
  return refused;
}

async function measure(form: Form, rows: number, processes: number, cap: number): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  const path = join(directory, 'segment');
  const segment = Segment.create(path, { ...shapeFor(1, 1, 1), rows });
  segment.ledger(rows - 1); // all rows are in use
  const started = Array.from({ length: processes }, (_, index) => {
    const job: Job = { path, row: index, form, cap, parent: process.pid };
    return fork(fileURLToPath(import.meta.url), [JSON.stringify(job)]);
  });
  try {
    await Promise.all(started.map((child) => new Promise((resolve) => child.once('message', resolve))));
    const results = started.map((child) => new Promise<Result>((resolve) => child.once('message', resolve)));
    Atomics.store(segment.i32, segment.itemLine(GATE), 1);
    const all = (await Promise.all(results)).sort((a, b) => a.ns - b.ns);
    const refused = all.reduce((sum, result) => sum + result.refused, 0) / all.length;
    return { ns: all[all.length >> 1]!.ns, refused };
  } finally {
    for (const child of started) child.kill();
    segment.close();
    rmSync(directory, { recursive: true });
  }
}

/** As a cap that is far away and as one that all fight for. */
async function measureAll(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const cap of [1_000_000, 2]) {
    for (const [rows, processes] of WORLDS) {
      if (cap === 2 && processes === 1) continue; // nobody to fight with
      for (const form of ['rows', 'word'] as const) {
        const { ns, refused } = await measure(form, rows, processes, cap);
        const name = `${form}, ${rows} rows in use, ${processes} processes, cap ${cap > 2 ? 'far' : cap}`;
        figures.push(figure(name, ns, `${(refused * 100).toFixed(1)} % refused`));
      }
    }
  }
  return figures;
}

const job = process.argv[2]?.startsWith('{') ? process.argv[2] : undefined;
if (job === undefined) await present(import.meta.url, measureAll);
else process.send!(work(JSON.parse(job)));
