// A histogram of latencies in the manner of HdrHistogram: fixed memory, an error of less than one part in 128 at any size.
// Filled by open-loop.ts.
//
//   value   0 … 255 µs      one cell each
//           256 … 511       cells of 2 µs, 128 of them
//           512 … 1023      cells of 4 µs, 128 of them
//           …               up to 2^31 µs

const HALF_BITS = 7;
const HALF = 1 << HALF_BITS;
const LARGEST = 2 ** 31 - 1;

export class Histogram {
  readonly #cells = new Float64Array((31 - HALF_BITS + 1) * HALF);
  count = 0;
  max = 0;

  /** @param value µs; what is below 0 counts as 0, what is beyond 35 minutes as that */
  record(value: number): void {
    const whole = Math.min(LARGEST, Math.max(0, Math.round(value)));
    this.#cells[cellOf(whole)]! += 1;
    this.count += 1;
    if (whole > this.max) this.max = whole;
  }

  /** The smallest value, rounded up to its cell's end, that at least `percent` % of all do not exceed; NaN of nothing. */
  percentile(percent: number): number {
    if (this.count === 0) return Number.NaN;
    // the tolerance: 99.9 % of 1000 is 999, not 999.0000000000001
    const rank = Math.max(1, Math.ceil((percent / 100) * this.count - 1e-6));
    let seen = 0;
    for (let cell = 0; cell < this.#cells.length; cell++) {
      seen += this.#cells[cell]!;
      if (seen >= rank) return Math.min(lastOf(cell), this.max);
    }
    return this.max;
  }
}

function cellOf(value: number): number {
  if (value < 2 * HALF) return value;
  const shift = 31 - Math.clz32(value) - HALF_BITS;
  return shift * HALF + (value >> shift);
}

/** The largest value that falls into a cell. */
function lastOf(cell: number): number {
  if (cell < 2 * HALF) return cell;
  const shift = (cell >> HALF_BITS) - 1;
  const base = cell - shift * HALF;
  return (base + 1) * 2 ** shift - 1;
}
