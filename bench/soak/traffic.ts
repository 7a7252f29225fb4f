// The soak's clients, a process of their own: an open loop at a given rate, bounded in flight, over a mix of kinds. Reports
// a tally each second and every failure with what is needed to say whose fault it was. Forked by run.ts.
import { monotonicMs } from '../../src/shared/clock.ts';
import { SMALL_JSON } from '../load/scenarios.ts';
import { type Ask, Connection, type ConnectionOwner } from './connection.ts';
import { type FromTraffic, KINDS, type Kind, type Tally, type ToTraffic } from './messages.ts';
import { HUGE_BYTES, LARGE_BYTES } from './origin.ts';
import { Random } from './random.ts';

const TICK_MS = 4;
const IN_FLIGHT_MAX = 384;
/** Slow readers and clients that hang up stay longer: so many at once, and a small GET in their place above it. */
const DAWDLERS_MAX = 48;
/** A kept connection ends after about so many requests, or a replaced worker would never get its share of them. */
const REQUESTS_PER_CONNECTION = 200;
const ANSWER_WITHIN_MS = 20_000;

/** Of a thousand requests. */
const SHARES: [Kind, number][] = [
  ['post', 120],
  ['large', 80],
  ['fresh', 80],
  ['missing', 30],
  ['abort', 12],
  ['slow', 4],
];

class Traffic implements ConnectionOwner {
  readonly #port: number;
  readonly #random: Random;
  readonly #rate: number | null;
  readonly #clients: number;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  readonly #tally: Tally;
  readonly #latencies: number[] = [];
  readonly #beganMs = monotonicMs();
  #dawdlers = 0;
  #due = 0;
  #resting = false;
  readonly #ticker: NodeJS.Timeout;
  readonly #teller: NodeJS.Timeout;

  constructor(port: number, seed: number, rate: number | null, clients: number) {
    this.#port = port;
    this.#random = new Random(seed);
    this.#rate = rate;
    this.#clients = clients;
    const byKind = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
    const nothing = { sent: 0, answered: 0, aborted: 0, failed: 0, skipped: 0, inFlight: 0, connections: 0 };
    this.#tally = { ...nothing, byKind, p50Ms: 0, p99Ms: 0 };
    this.#ticker = setInterval(() => this.#pump(), TICK_MS);
    this.#teller = setInterval(() => this.#tell(), 1000);
  }

  rest(): void {
    this.#resting = true;
    clearInterval(this.#ticker);
    this.#settle();
  }

  finished(connection: Connection, fault: string | null): void {
    const { ask, startedMs } = connection;
    if (ask === null) return;
    const nowMs = monotonicMs();
    connection.ask = null;
    this.#tally.inFlight -= 1;
    if (dawdles(ask.kind)) this.#dawdlers -= 1;
    if (fault !== null) {
      this.#tally.failed += 1;
      const { localPort, openedMs, served } = connection;
      const failure = { kind: ask.kind, localPort, openedMs, startedMs, endedMs: nowMs, what: fault, served };
      tell({ type: 'failure', failure });
    } else if (ask.kind === 'abort' && connection.closed) {
      this.#tally.aborted += 1;
    } else {
      this.#tally.answered += 1;
      if (!dawdles(ask.kind)) this.#latencies.push(nowMs - startedMs);
    }
    const keeps = ask.kind !== 'fresh' && this.#random.next() > 1 / REQUESTS_PER_CONNECTION && !this.#resting;
    if (connection.closed) this.#all.delete(connection);
    else if (keeps && fault === null) this.#idle.push(connection);
    else {
      this.#all.delete(connection);
      connection.close();
    }
    if (this.#resting) this.#settle();
    else if (this.#rate === null) this.#pump();
  }

  lost(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  #pump(): void {
    if (this.#rate === null) {
      while (this.#tally.inFlight - this.#dawdlers < this.#clients) this.#send();
      return;
    }
    this.#due = ((monotonicMs() - this.#beganMs) / 1000) * this.#rate;
    while (this.#tally.sent + this.#tally.skipped < this.#due) {
      if (this.#tally.inFlight < IN_FLIGHT_MAX) this.#send();
      else this.#tally.skipped += 1;
    }
  }

  #send(): void {
    const ask = this.#draw();
    this.#tally.sent += 1;
    this.#tally.inFlight += 1;
    this.#tally.byKind[ask.kind] += 1;
    if (dawdles(ask.kind)) this.#dawdlers += 1;
    let connection = ask.kind === 'fresh' ? undefined : this.#idle.pop();
    if (connection === undefined) {
      connection = new Connection(this.#port, this);
      this.#all.add(connection);
    }
    connection.send(ask);
  }

  #draw(): Ask {
    let at = this.#random.whole(0, 999);
    for (const [kind, share] of SHARES) {
      if (at < share) return dawdles(kind) && this.#dawdlers >= DAWDLERS_MAX ? small('get') : this.#ask(kind);
      at -= share;
    }
    return small('get');
  }

  #ask(kind: Kind): Ask {
    if (kind !== 'abort') return ASKS[kind];
    const path = this.#random.pick(['/bulk/drip', '/bulk/drip', '/bulk/huge', '/things/1']);
    return {
      ...ASKS.slow,
      kind,
      bytes: get(path),
      length: -1,
      slowly: false,
      abortAfterMs: this.#random.whole(1, 400),
    };
  }

  #tell(): void {
    const nowMs = monotonicMs();
    for (const connection of this.#all) {
      if (connection.ask !== null && nowMs - connection.startedMs > ANSWER_WITHIN_MS) connection.close('timeout');
    }
    this.#measure();
    tell({ type: 'tally', tally: this.#tally });
  }

  #measure(): void {
    const sorted = this.#latencies.sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
    this.#tally.p50Ms = at(0.5);
    this.#tally.p99Ms = at(0.99);
    this.#tally.connections = this.#all.size;
    this.#latencies.length = 0;
  }

  #settle(): void {
    for (const connection of this.#idle.splice(0)) {
      connection.close();
      this.#all.delete(connection);
    }
    if (this.#tally.inFlight > 0) return;
    clearInterval(this.#teller);
    this.#measure();
    tell({ type: 'rested', tally: this.#tally });
  }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: soak.example\r\nAccept: */*\r\n\r\n`;
const plain = { status: 200, length: SMALL_JSON.length, slowly: false, abortAfterMs: 0 };
const body = 'x'.repeat(1024);

const ASKS: Record<Exclude<Kind, 'abort'>, Ask> = {
  get: { ...plain, kind: 'get', bytes: get('/things/42?page=2') },
  fresh: { ...plain, kind: 'fresh', bytes: get('/labelled/7') },
  post: {
    ...plain,
    kind: 'post',
    bytes: `POST /orders HTTP/1.1\r\nHost: soak.example\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  },
  large: { ...plain, kind: 'large', bytes: get('/bulk/large'), length: LARGE_BYTES },
  slow: { ...plain, kind: 'slow', bytes: get('/bulk/huge'), length: HUGE_BYTES, slowly: true },
  missing: { ...plain, kind: 'missing', bytes: get('/nothing/here'), status: 404, length: -1 },
};

function small(kind: 'get'): Ask {
  return ASKS[kind];
}

function dawdles(kind: Kind): boolean {
  return kind === 'slow' || kind === 'abort';
}

function tell(message: FromTraffic): void {
  process.send?.(message);
}

let traffic: Traffic | null = null;
process.on('message', (message: ToTraffic) => {
  if (message.type === 'go') traffic = new Traffic(message.port, message.seed, message.rate, message.clients);
  else if (message.type === 'rest') traffic?.rest();
  else process.exit(0);
});
// whoever forked it decides, and an end of the channel is the end
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));
tell({ type: 'hello' });
