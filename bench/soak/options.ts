// The options of the soak, read and checked before anything is started.
import { parseArgs } from 'node:util';
import { UsageError } from '../load/stage.ts';

export interface Options {
  help: boolean;
  minutes: number;
  workers: number;
  /** share of the capacity */
  load: number;
  seed: number;
  fullLoad: boolean;
}

export const USAGE = `usage: node bench/soak/run.ts [options]
  --minutes N     how long the load lasts (20)
  --workers N     (4)
  --load N        share of the capacity that is found at the beginning (0.6)
  --seed N        of the events and of the traffic; a report names the one that it had (drawn)
  --full-load     no events: a closed loop as hard as wrk can, for the memory of all processes together
Exit: 0; 1 when an invariant was broken, with a sentence for each; 2 usage; 130 interrupted.`;

export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '20' },
      workers: { type: 'string', default: '4' },
      load: { type: 'string', default: '0.6' },
      seed: { type: 'string' },
      'full-load': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'minutes' | 'workers' | 'load', low: number, high: number) => {
    const value = Number(values[name]);
    if (!(value >= low && value <= high)) throw new UsageError(`--${name} takes a number from ${low} to ${high}`);
    return value;
  };
  const workers = number('workers', 1, 64);
  if (!Number.isInteger(workers)) throw new UsageError('--workers takes a whole number');
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new UsageError('--seed takes a whole number from 0 to 4294967295');
  return {
    help: values.help,
    minutes: number('minutes', 0.25, 24 * 60),
    workers,
    load: number('load', 0.05, 1),
    seed,
    fullLoad: values['full-load'],
  };
}
