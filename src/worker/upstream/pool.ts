// The undici Pool of one endpoint. Plain HTTP goes over our own lean connection (Http1Client) through the Pool's
// factory; TLS over undici's Client, made safe: a request that fails argument validation leaves it busy for ever
// (reproduced on 8.12.4: with `connections: 1` every later request hangs). The Pool's queue has no bound; the gate
// in front of it keeps it empty.
import { createRequire } from 'node:module';
import type { Client, Dispatcher, Pool } from 'undici';
import { monotonicMs } from '../../shared/clock.ts';
import { Http1Client } from './http1-client.ts';

// The package's main file also loads fetch, WebSocket and caches: 60 ms and 6 MB a worker that a proxy never uses.
const require = createRequire(import.meta.url);
const PoolClass = require('undici/lib/dispatcher/pool.js') as typeof Pool;
const ClientClass = require('undici/lib/dispatcher/client.js') as typeof Client;

/** Below the 5 s after which node:http origins close idle sockets; servers that announce `Keep-Alive` get their word. */
const UPSTREAM_IDLE_MS = 4000;
const MAX_RESPONSE_HEAD_BYTES = 65_536;
const SWEEP_MS = 1000;

/** The TLS connections of an endpoint. */
class SafeClient extends ClientClass {
  // `false` means busy and is followed by a 'drain' event, except when the request never entered the client.
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return super.dispatch(options, handler) || this.stats.size === 0;
  }
}

/** Every plain connection of this worker: one sweep closes those that were idle for too long. */
const connections = new Set<Http1Client>();
let sweeper: NodeJS.Timeout | null = null;

function sweep(): void {
  const nowMs = monotonicMs();
  for (const client of connections) {
    client.sweep(nowMs);
    if (client.closed) connections.delete(client);
  }
}

/**
 * @param origin `http://host:port` or `https://…`
 * @param connectTimeoutMs until the socket (and TLS) is up
 * @param limit connections; null: no limit of its own, max_concurrent_requests is the host's and is taken before dispatch
 */
export function createPool(origin: string, connectTimeoutMs: number, limit: number | null = null): Dispatcher {
  return new PoolClass(origin, {
    connections: limit,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: connectTimeoutMs, keepAlive: true, noDelay: true } as never,
    keepAliveTimeout: UPSTREAM_IDLE_MS,
    // the exchange's own deadline covers both; undici's timers above 1 s tick every 500 ms
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: MAX_RESPONSE_HEAD_BYTES,
    strictContentLength: true,
    factory: (url: URL, options: object) =>
      url.protocol === 'https:' ? new SafeClient(url, options as Client.Options) : plainClient(url, connectTimeoutMs),
  });
}

function plainClient(url: URL, connectTimeoutMs: number): Dispatcher {
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const client = new Http1Client(url, {
    host,
    port: Number(url.port || 80),
    connectTimeoutMs,
    idleMs: UPSTREAM_IDLE_MS,
  });
  connections.add(client);
  if (sweeper === null) sweeper = setInterval(sweep, SWEEP_MS).unref();
  return client as unknown as Dispatcher;
}
