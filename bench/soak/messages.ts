// What the soak and its traffic process say to each other.

export const KINDS = ['get', 'post', 'large', 'fresh', 'slow', 'abort', 'missing'] as const;
export type Kind = (typeof KINDS)[number];

export type ToTraffic =
  /** @param rate requests a second; null = as many as `clients` in a closed loop bring about */
  | { type: 'go'; port: number; seed: number; rate: number | null; clients: number }
  /** no new requests; `rested` follows once those in flight are answered and all connections are closed */
  | { type: 'rest' }
  | { type: 'end' };

export type FromTraffic =
  | { type: 'hello' }
  /** once a second */
  | { type: 'tally'; tally: Tally }
  | { type: 'failure'; failure: Failure }
  | { type: 'rested'; tally: Tally };

/** Since `go`; the latencies are those of the last second, of whole answers of the kinds that do not dawdle. */
export interface Tally {
  sent: number;
  answered: number;
  aborted: number;
  failed: number;
  /** not sent because too many were in flight: an open loop that is bounded */
  skipped: number;
  inFlight: number;
  connections: number;
  byKind: Record<Kind, number>;
  p50Ms: number;
  p99Ms: number;
}

/** A request that did not get the answer that it should have. Times are of the monotonic clock that all processes share. */
export interface Failure {
  kind: Kind;
  /** of the client's socket; 0: it never was connected */
  localPort: number;
  /** when the connection was asked for */
  openedMs: number;
  startedMs: number;
  endedMs: number;
  /** errno, `closed`, `timeout`, or `status 503`, `length 12` */
  what: string;
  /** requests that the same connection had answered before */
  served: number;
}
