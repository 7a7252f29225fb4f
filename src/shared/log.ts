// The application log: pino, JSON lines on stderr, one logger a process. Level by WEIR_LOG (default info).
// Access logs are another thing and live in worker/observe.
import { createRequire } from 'node:module';
import type { pino } from 'pino';

export type Logger = pino.Logger;

const require = createRequire(import.meta.url);

/**
 * Loads pino, which takes 40 ms: a worker calls this when it has something to say, and most never have.
 * @param role `primary` or `worker`
 * @param slot the process's row in the control segment
 */
export function createLogger(role: string, slot: number): Logger {
  const { pino } = require('pino') as typeof import('pino');
  return pino(
    { level: process.env['WEIR_LOG'] ?? 'info', base: { role, slot, pid: process.pid } },
    pino.destination({ fd: 2, sync: true }),
  );
}
