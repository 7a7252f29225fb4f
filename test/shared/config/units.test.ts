import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../../src/shared/config/units.ts';

test('durations are read in milliseconds, single and combined', () => {
  const cases: [string, number][] = [
    ['500ms', 500],
    ['2s', 2000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['1.1s', 1100],
    ['1d', 86_400_000],
    ['1m5s20ms', 65_020],
    ['0ms', 0],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
});

test('what has no unit, blanks, a wrong order or half a millisecond is no duration', () => {
  for (const text of ['', '2', '2 s', '-1s', '1m1h', '1s1s', '0.0005s', '2S', 's', '1e3s', '9999999999999999d']) {
    assert.equal(parseDuration(text), null, text);
  }
});

test('sizes are read in bytes, in powers of two and of ten', () => {
  const cases: [string, number][] = [
    ['64KiB', 65_536],
    ['10MiB', 10_485_760],
    ['1.5KiB', 1536],
    ['10MB', 10_000_000],
    ['1KB', 1000],
    ['1kB', 1000],
    ['2GiB', 2_147_483_648],
    ['17', 17],
    ['17B', 17],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text);
});

test('a size with an ambiguous or unknown unit is none', () => {
  for (const text of ['', '10M', '10K', '64kb', '1 KiB', '-1', '0.3B', 'KiB', '9999999999TiB'])
    assert.equal(parseSize(text), null, text);
});

test('every duration and size survives being written and read again', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e12 }), (value) => {
      assert.equal(parseDuration(formatDuration(value)), value);
      assert.equal(parseSize(formatSize(value)), value);
    }),
  );
});

test('values are written in the units that an operator would choose', () => {
  assert.equal(formatDuration(5_400_000), '1h30m');
  assert.equal(formatDuration(0), '0ms');
  assert.equal(formatSize(65_536), '64KiB');
  assert.equal(formatSize(20_000), '20KB');
  assert.equal(formatSize(1025), '1025B');
});
