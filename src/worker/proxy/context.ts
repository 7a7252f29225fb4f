// What an exchange needs of its worker. One object a worker, made by start.ts, never replaced.
import type { Ledger } from '../../shared/memory/ledger.ts';
import type { Counters } from '../observe/counters.ts';
import type { Deadlines } from './deadlines.ts';

export interface WorkerContext {
  readonly ledger: Ledger;
  readonly counters: Counters;
  readonly deadlines: Deadlines;
  /** answers say `Connection: close` from now on */
  draining: boolean;
}
