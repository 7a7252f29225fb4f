// The very first import of main: from here on no signal can end or open a process unasked. A signal only records an
// intent; the loop of the primary acts on it once it exists (onIntent), however early the signal came.
//
// SIGUSR1 is Node's inspector signal. The processes run with --disable-sigusr1, and a handler stands in for the case
// that main was started without that flag. Under the flag Node leaves SIGUSR1 blocked for good (measured on 24.21:
// the handler never runs), so that the primary unblocks it itself, see primary/signal-mask.ts.
import cluster from 'node:cluster';

/** What a signal asks of the primary. */
export type Intent = 'reload' | 'recycle' | 'shutdown';

const INTENTS: readonly [NodeJS.Signals, Intent][] = [
  ['SIGTERM', 'shutdown'],
  ['SIGINT', 'shutdown'],
  ['SIGUSR1', 'reload'],
  ['SIGHUP', 'reload'],
  ['SIGUSR2', 'recycle'],
];

const early: [Intent, NodeJS.Signals][] = [];
let act: ((intent: Intent, signal: NodeJS.Signals) => void) | null = null;

/** Hands over the intents recorded so far, oldest first, then each further one as it comes. */
export function onIntent(listener: (intent: Intent, signal: NodeJS.Signals) => void): void {
  act = listener;
  for (const [intent, signal] of early.splice(0)) listener(intent, signal);
}

function record(intent: Intent, signal: NodeJS.Signals): void {
  if (act) act(intent, signal);
  else early.push([intent, signal]);
}

// a terminal sends SIGINT and SIGHUP to the whole group: a worker leaves both to the primary
const inWorker = cluster.isWorker;
const inGateway = process.argv[2] === 'run';

for (const [signal, intent] of INTENTS) {
  if (inWorker) {
    if (signal !== 'SIGTERM') process.on(signal, ignore);
  } else if (inGateway) process.on(signal, () => record(intent, signal));
  else if (signal === 'SIGUSR1') process.on(signal, ignore);
}

function ignore(): void {}
