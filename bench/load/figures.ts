// The arithmetic of the reports: medians with their spread, and what is compared within one round. Rounds that failed are
// NaN and fall out.

export interface Spread {
  median: number;
  low: number;
  high: number;
  count: number;
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function spreadOf(values: readonly number[]): Spread {
  const kept = values.filter((value) => !Number.isNaN(value));
  if (kept.length === 0) return { median: Number.NaN, low: Number.NaN, high: Number.NaN, count: 0 };
  return { median: median(kept), low: Math.min(...kept), high: Math.max(...kept), count: kept.length };
}

/** `combine` over the values of the same round; rounds that only one has fall out. */
export function paired(
  a: readonly number[],
  b: readonly number[],
  combine: (a: number, b: number) => number,
): number[] {
  const both = Math.min(a.length, b.length);
  return Array.from({ length: both }, (_, round) => combine(a[round]!, b[round]!));
}

/** `median (low–high)`, the one value alone, or - of nothing. */
export function spreadText({ median: middle, low, high, count }: Spread, digits: number): string {
  if (count === 0) return '-';
  if (count === 1) return middle.toFixed(digits);
  return `${middle.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}
