// The application log: pino, JSON lines on stderr, one logger a process. Level by WEIR_LOG (default info).
// Access logs are another thing and live in worker/observe.
import { pino } from 'pino';

export type Logger = pino.Logger;

/** @param role `primary` or `worker`; @param slot the process's row in the control segment */
export function createLogger(role: string, slot: number): Logger {
  return pino(
    { level: process.env['WEIR_LOG'] ?? 'info', base: { role, slot, pid: process.pid } },
    pino.destination({ fd: 2, sync: true }),
  );
}
