// Durations and sizes as operators write them (`1h30m`, `10MiB`) and as Weir counts them (milliseconds, bytes).
// Called by the option builders, the docs and `weir diff`; pure.

/** Also the pattern in the JSON Schema. Units fall from days to milliseconds, each at most once. */
export const DURATION_PATTERN =
  '^(?=.)(?:\\d+(?:\\.\\d+)?d)?(?:\\d+(?:\\.\\d+)?h)?(?:\\d+(?:\\.\\d+)?m)?(?:\\d+(?:\\.\\d+)?s)?(?:\\d+ms)?$';
export const SIZE_PATTERN = '^\\d+(?:\\.\\d+)?(?:[KMGT]iB|[kKMGT]B|B)?$';

const DURATION = new RegExp(DURATION_PATTERN);
const SIZE = new RegExp(SIZE_PATTERN);

const DURATION_UNITS: readonly [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

const SIZE_UNITS: readonly [string, number][] = [
  ['TiB', 2 ** 40],
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['KB', 1e3],
  ['kB', 1e3],
  ['B', 1],
];

/** @returns whole milliseconds, or null where the text is no duration (`2`, `5 s`, `1m1h`, half a millisecond). */
export function parseDuration(text: string): number | null {
  if (!DURATION.test(text)) return null;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)([a-z]+)/g)) {
    total += Number(amount) * factor(DURATION_UNITS, unit ?? '');
  }
  // 1.1s is 1100.0000000000002 in binary: round away what floating point added, refuse a true fraction
  const whole = Math.round(total);
  return Math.abs(total - whole) < 1e-6 && Number.isSafeInteger(whole) ? whole : null;
}

/** The shortest text that parses to the same number: 5400000 → `1h30m`, 0 → `0ms`. */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const [unit, size] of DURATION_UNITS) {
    const amount = Math.floor(rest / size);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * size;
  }
  return text === '' ? '0ms' : text;
}

/** @returns whole bytes, or null where the text is no size (`10M`, `1 KiB`, a third of a byte). */
export function parseSize(text: string): number | null {
  if (!SIZE.test(text)) return null;
  const unit = /[A-Za-z]+$/.exec(text)?.[0] ?? 'B';
  const bytes = Number.parseFloat(text) * factor(SIZE_UNITS, unit);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The largest unit that divides evenly: 65536 → `64KiB`, 1000 → `1KB`, 1025 → `1025B`. */
export function formatSize(bytes: number): string {
  const unit = SIZE_UNITS.find(([, size]) => bytes >= size && bytes % size === 0);
  return unit === undefined ? `${bytes}B` : `${bytes / unit[1]}${unit[0]}`;
}

function factor(units: readonly [string, number][], unit: string): number {
  return units.find(([name]) => name === unit)?.[1] ?? Number.NaN;
}
