// Random hex digits for request ids and trace ids: one system call and one conversion for 256 draws of 16 digits.
// A draw is a slice of a prepared string, about 10 ns; crypto.randomUUID() with its own cache costs about ten times that.
import { randomFillSync } from 'node:crypto';

const BYTES = 2048;

const pool = Buffer.alloc(BYTES);
let digits = '';
let next = 0;

/**
 * From the system's cryptographic source, lower case, each digit given out once.
 *
 * @param count at most 32
 */
export function randomHex(count: number): string {
  if (next + count > digits.length) {
    digits = randomFillSync(pool).toString('hex');
    next = 0;
  }
  const start = next;
  next += count;
  return digits.slice(start, next);
}
