// The directory of series that all processes share: hash buckets in front of chains of records in a bump arena.
// Any process may add at any moment without a lock. Used by series.ts, whose header says what is counted in them.
//
// Adding: write the whole record into the arena, then publish it with one compare-and-swap of its bucket. A kill in
// between leaks the record. Who loses the swap walks what came in front and, if that is the same series, uses it: one
// series has one identity. Records are never changed or removed, so a chain can be walked without any care.
import { InvariantError } from '../errors.ts';
import type { MetricName } from '../metrics.ts';
import { METRICS, OVERFLOW_LABEL } from '../metrics.ts';
import type { Layout, SegmentShape } from './layout.ts';
import { HEADER, HISTOGRAM_CELLS, hashBytes, SERIES, SERIES_TEXT_BYTES } from './layout.ts';

/** A metric that has cells: a counter or a histogram. */
export interface Family {
  readonly name: MetricName;
  readonly hash: number;
  readonly width: number;
  readonly labelCount: number;
}

export const FAMILIES = new Map<MetricName, Family>();
const FAMILY_BY_HASH = new Map<number, Family>();
for (const name of Object.keys(METRICS) as MetricName[]) {
  const { type, labels } = METRICS[name];
  if (type === 'gauge') continue;
  const width = type === 'counter' ? 1 : HISTOGRAM_CELLS;
  const family = { name, hash: hashBytes(Buffer.from(name), 0), width, labelCount: labels.length };
  if (FAMILY_BY_HASH.has(family.hash)) throw new InvariantError(`${name} has the hash of another metric`);
  FAMILIES.set(name, family);
  FAMILY_BY_HASH.set(family.hash, family);
}

/** A record of the directory, decoded. */
export interface KnownSeries {
  readonly family: Family;
  readonly labels: string[];
  readonly cell: number;
  readonly overflow: boolean;
}

/** The directory that all processes share: finds or adds a series. */
export class SeriesTable {
  readonly #i32: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #buckets: number;
  readonly #arena: number;
  readonly #shape: SegmentShape;

  constructor(i32: Int32Array, layout: Layout, shape: SegmentShape) {
    this.#i32 = i32;
    this.#bytes = new Uint8Array(i32.buffer);
    this.#buckets = layout.buckets / 4;
    this.#arena = layout.arena / 4;
    this.#shape = shape;
  }

  /** The series that take what finds no room. Made by the creator, while there is room. */
  internOverflow(): void {
    for (const family of FAMILIES.values()) this.intern(family, overflowText(family));
  }

  /** The first cell of the series with these labels, or -1 when it is not there and there is no room for it. */
  intern(family: Family, labels: string): number {
    const text = Buffer.from(labels);
    if (text.length > SERIES_TEXT_BYTES) return -1;
    const i32 = this.#i32;
    const hash = hashBytes(text, family.hash);
    const bucket = this.#buckets + (hash & (this.#shape.buckets - 1));
    let head = Atomics.load(i32, bucket);
    const found = this.#walk(head, 0, hash, family, text);
    if (found !== -1) return found;

    const words = SERIES.text + Math.ceil(text.length / 4);
    const record = this.#take(HEADER.arenaNext, words, this.#shape.arenaBytes / 4);
    if (record === -1) return -1;
    const cell = this.#take(HEADER.cellNext, family.width, this.#shape.cells);
    if (cell === -1) {
      this.#giveBack(HEADER.arenaNext, record, words);
      return -1;
    }
    const at = this.#arena + record;
    i32[at + SERIES.hash] = hash;
    i32[at + SERIES.family] = family.hash;
    i32[at + SERIES.cell] = cell;
    i32[at + SERIES.byteLength] = text.length;
    this.#bytes.set(text, (at + SERIES.text) * 4);
    for (;;) {
      i32[at + SERIES.next] = head;
      const seen = Atomics.compareExchange(i32, bucket, head, record); // publishes all that was written above
      if (seen === head) return cell;
      const theirs = this.#walk(seen, head, hash, family, text);
      if (theirs !== -1) {
        this.#giveBack(HEADER.cellNext, cell, family.width);
        this.#giveBack(HEADER.arenaNext, record, words);
        return theirs;
      }
      head = seen;
    }
  }

  /** Newest record of a bucket's chain, 0 when it has none. */
  head(bucket: number): number {
    return Atomics.load(this.#i32, this.#buckets + bucket);
  }

  /** Every record from `head` down to `known` (exclusive) that this program understands. */
  decode(head: number, known: number, into: KnownSeries[]): void {
    const i32 = this.#i32;
    for (let record = head; record !== known; record = i32[this.#arena + record + SERIES.next]!) {
      const at = this.#arena + record;
      // a segment may be older than this program's table of metrics: what is not known here is not shown
      const family = FAMILY_BY_HASH.get(i32[at + SERIES.family]!);
      const cell = i32[at + SERIES.cell]!;
      if (family === undefined || cell + family.width > this.#shape.cells) continue;
      const from = (at + SERIES.text) * 4;
      const bytes = this.#bytes.slice(from, from + i32[at + SERIES.byteLength]!);
      const text = Buffer.from(bytes.buffer, 0, bytes.length).toString();
      const labels = family.labelCount === 0 ? [] : text.split('\0');
      if (labels.length !== family.labelCount) continue;
      into.push({ family, labels, cell, overflow: labels.length > 0 && text === overflowText(family) });
    }
  }

  #walk(head: number, end: number, hash: number, family: Family, text: Uint8Array): number {
    const i32 = this.#i32;
    for (let record = head; record !== end; record = i32[this.#arena + record + SERIES.next]!) {
      const at = this.#arena + record;
      if (i32[at + SERIES.hash] !== hash || i32[at + SERIES.family] !== family.hash) continue;
      if (this.#textIs(at, text)) return i32[at + SERIES.cell]!;
    }
    return -1;
  }

  #textIs(at: number, text: Uint8Array): boolean {
    if (this.#i32[at + SERIES.byteLength] !== text.length) return false;
    const from = (at + SERIES.text) * 4;
    for (let i = 0; i < text.length; i += 1) {
      if (this.#bytes[from + i] !== text[i]) return false;
    }
    return true;
  }

  /** Takes `count` off a bump counter, or -1 when fewer are left. By compare-and-swap, so that it never runs past the end. */
  #take(counter: number, count: number, end: number): number {
    let next = Atomics.load(this.#i32, counter);
    while (next + count <= end) {
      const seen = Atomics.compareExchange(this.#i32, counter, next, next + count);
      if (seen === next) return next;
      next = seen;
    }
    return -1;
  }

  /** Undoes a take if nobody took anything since; otherwise what was taken is leaked. */
  #giveBack(counter: number, taken: number, count: number): void {
    Atomics.compareExchange(this.#i32, counter, taken + count, taken);
  }
}

/** The labels of the series that takes what finds no room. */
export function overflowText(family: Family): string {
  return joinLabels(new Array<string>(family.labelCount).fill(OVERFLOW_LABEL));
}

/** One NUL between two labels; a NUL inside a label would make two sets of labels look alike and becomes U+FFFD. */
export function joinLabels(labels: readonly string[]): string {
  let text = '';
  for (let i = 0; i < labels.length; i += 1) {
    const label = labels[i]!;
    const clean = label.includes('\0') ? label.replaceAll('\0', '\ufffd') : label;
    text = i === 0 ? clean : `${text}\0${clean}`;
  }
  return text;
}
