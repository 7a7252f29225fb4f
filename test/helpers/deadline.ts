// Waiting in tests: for an event or for a condition, always with a deadline and a sentence that says what was awaited.
// Used by every test that touches a socket or a process; nothing in test/ sleeps in order to synchronise.

/**
 * The value of `promise`, or a rejection that names `what` once `ms` milliseconds have passed.
 * The promise itself is not cancelled.
 */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks `condition` every `everyMs` milliseconds until it is truthy and returns that value. Rejects after `ms` with
 * `what` and, where the condition threw last, with that as the cause: so an assertion may be the condition.
 */
export async function until<T>(
  ms: number,
  what: string,
  condition: () => T | Promise<T>,
  everyMs = 10,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + ms;
  let cause: unknown;
  for (;;) {
    try {
      const value = await within(Math.max(1, deadline - performance.now()), Promise.resolve(condition()), what);
      cause = undefined;
      if (value) return value;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) throw new Error(`${what}: not within ${ms} ms`, { cause });
    await pause(everyMs);
  }
}

/** Time that must really pass (a window, an idle timeout). Not a way to wait for something: that is `until`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
