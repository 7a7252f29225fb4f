// The host's counters and histograms. A series (a metric with its label values) has the same cells in every row; each
// process counts in its own Float64 row with a plain `f64[i] += 1`; the reader sums the rows.
// Workers write (worker/observe), the primary reads for /metrics.
//
// Why plain doubles are safe: a cell lies on 8 bytes and V8 moves a Float64Array element with one instruction (movsd on
// x64, ldr/str d on arm64), which both architectures do in one piece when aligned (Intel SDM vol. 3A 9.1.1, Arm ARM
// B2.2.1). A reader sees the old or the new value, never half of each. The two 32-bit halves tear only on 32-bit ARM.
import { InvariantError } from '../errors.ts';
import type { MetricName } from '../metrics.ts';
import type { Layout, SegmentShape } from './layout.ts';
import { CELL_SINK, CELL_USED, HEADER, HISTOGRAM_CELLS } from './layout.ts';
import type { Family, KnownSeries, SeriesTable } from './series-table.ts';
import { FAMILIES, joinLabels, overflowText } from './series-table.ts';

/** One series, summed over all rows. counter: [value]; histogram: count per bucket (not cumulative), +Inf, sum of seconds. */
export interface SeriesReading {
  name: MetricName;
  labels: string[];
  values: number[];
}

/** One process's row of cells. */
export class SeriesWriter {
  readonly #f64: Float64Array;
  readonly #table: SeriesTable;
  readonly #row: number;
  readonly #known = new Map<string, number>();
  readonly #overflow = new Map<Family, number>();

  /** @param row index into `f64` of the row's first cell */
  constructor(f64: Float64Array, table: SeriesTable, row: number) {
    this.#f64 = f64;
    this.#table = table;
    this.#row = row;
    f64[row + CELL_USED] = 1;
    for (const family of FAMILIES.values()) {
      const cell = table.intern(family, overflowText(family));
      // a segment from before this metric existed may be full: then its overflow is not counted at all
      this.#overflow.set(family, row + (cell === -1 ? CELL_SINK : cell));
    }
  }

  /**
   * Index i of the series' cell, so that `segment.f64[i] += 1` counts. Same labels, same index, for the life of the segment.
   * Without room it is the index of the overflow series; that answer is not worth keeping, and each asking counts in
   * series_overflow_total. Throws InvariantError on a metric of another type or a wrong number of labels.
   */
  counter(name: MetricName, labels: readonly string[]): number {
    return this.#find(name, labels, 1);
  }

  /** Index of HISTOGRAM_CELLS cells: one per bound of DURATION_BUCKETS (not cumulative), +Inf, sum of seconds. */
  histogram(name: MetricName, labels: readonly string[]): number {
    return this.#find(name, labels, HISTOGRAM_CELLS);
  }

  #find(name: MetricName, labels: readonly string[], width: number): number {
    const text = joinLabels(labels);
    const key = `${name}\0${text}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const family = FAMILIES.get(name);
    if (family?.width !== width || family.labelCount !== labels.length) {
      throw new InvariantError(`${name} is not a ${width === 1 ? 'counter' : 'histogram'} of ${labels.length} labels`);
    }
    const cell = this.#table.intern(family, text);
    if (cell === -1) {
      this.#f64[this.#overflow.get(FAMILIES.get('series_overflow_total')!)!]! += 1;
      return this.#overflow.get(family)!; // not remembered: the labels that find no room have no bound
    }
    this.#known.set(key, this.#row + cell);
    return this.#row + cell;
  }
}

/** Sums all rows. Remembers the records that it has decoded, since they never change: a scrape decodes only what is new. */
export class SeriesReader {
  readonly #i32: Int32Array;
  readonly #f64: Float64Array;
  readonly #table: SeriesTable;
  readonly #firstCell: number;
  readonly #shape: SegmentShape;
  readonly #heads: Int32Array;
  readonly #known: KnownSeries[] = [];

  constructor(i32: Int32Array, f64: Float64Array, table: SeriesTable, layout: Layout, shape: SegmentShape) {
    this.#i32 = i32;
    this.#f64 = f64;
    this.#table = table;
    this.#firstCell = layout.cells / 8;
    this.#shape = shape;
    this.#heads = new Int32Array(shape.buckets);
  }

  /** Every series, in no order. Overflow series that took nothing are left out. */
  read(): SeriesReading[] {
    this.#discover();
    const sums = this.#sumRows();
    const readings: SeriesReading[] = [];
    for (const { family, labels, cell, overflow } of this.#known) {
      const values: number[] = [];
      let any = false;
      for (let at = cell; at < cell + family.width; at += 1) {
        values.push(sums[at]!);
        any ||= sums[at] !== 0;
      }
      if (any || !overflow) readings.push({ name: family.name, labels, values });
    }
    return readings;
  }

  #sumRows(): Float64Array {
    // after discovery: the cells of every known series lie below the mark
    const cells = Atomics.load(this.#i32, HEADER.cellNext);
    const sums = new Float64Array(cells);
    for (let row = 0; row < this.#shape.rows; row += 1) {
      const first = this.#firstCell + row * this.#shape.cells;
      if (this.#f64[first + CELL_USED] === 0) continue;
      for (let cell = 0; cell < cells; cell += 1) sums[cell]! += this.#f64[first + cell]!;
    }
    return sums;
  }

  #discover(): void {
    for (let bucket = 0; bucket < this.#heads.length; bucket += 1) {
      const head = this.#table.head(bucket);
      const known = this.#heads[bucket]!;
      if (head === known) continue;
      this.#table.decode(head, known, this.#known);
      this.#heads[bucket] = head;
    }
  }
}
