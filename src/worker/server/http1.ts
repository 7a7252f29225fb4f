// The HTTP/1.1 front: node:http's server with its strict parser, set up so that Weir's own limits are the ones that
// hold, and every connection counted over the host. Turns requests into exchanges and what never became a request
// into an answer of the failure table.
import { createServer, IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { failure, type Reason } from '../../shared/errors.ts';
import { ITEM_CONNECTIONS } from '../../shared/memory/layout.ts';
import type { LimitsPlan } from '../../shared/plan.ts';
import type { WorkerContext } from '../proxy/context.ts';
import { Exchange } from '../proxy/exchange.ts';
import { rawProblem } from '../proxy/problem.ts';
import { requestId } from '../proxy/request-id.ts';
import { ProxyResponse } from '../proxy/response.ts';
import type { Runtime } from '../proxy/runtime.ts';

export type Http1Server = Server<typeof IncomingMessage, typeof ProxyResponse>;

/** Gives the runtime that a request arriving now belongs to. */
export type CurrentRuntime = () => Runtime;

/** How often node:http looks for heads that are too late: a deadline is kept to the second. */
const TIMEOUT_CHECK_MS = 500;

export function createHttp1Server(worker: WorkerContext, current: CurrentRuntime): Http1Server {
  const limits = current().limits;
  const server: Http1Server = createServer(
    {
      IncomingMessage,
      ServerResponse: ProxyResponse,
      insecureHTTPParser: false,
      requireHostHeader: true,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      maxHeaderSize: limits.maxHeaderBytes,
      // a body has the route's deadline
      requestTimeout: 0,
      keepAlive: false,
      noDelay: true,
    },
    (request, response) => {
      // this listener is going away, or the whole worker: the connection ends with this answer
      if (worker.draining || !server.listening) response.shouldKeepAlive = false;
      new Exchange(request, response, worker, current()).begin();
    },
  );
  // Node would drop the fields above its own count in silence; Weir counts them and refuses
  server.maxHeadersCount = 0;
  applyLimits(server, limits);

  server.on('connection', (socket) => admitConnection(socket, worker, current().limits.maxConnections));
  // both are exchanges like any other: they answer the expectation themselves
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('connect', (_request, socket) => refuse(socket as Socket, 'method_not_supported'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => onClientError(error, socket as Socket, worker));
  return server;
}

/** What a reload may change under a listening server; connections that are open take it with their next request. */
export function applyLimits(server: Http1Server, limits: LimitsPlan): void {
  server.headersTimeout = limits.headerTimeoutMs;
  server.keepAliveTimeout = limits.idleTimeoutMs;
  (server as unknown as { maxHeaderSize: number }).maxHeaderSize = limits.maxHeaderBytes;
}

/** `max_connections` is the host's: the one above it is told so and closed. */
function admitConnection(socket: Socket, worker: WorkerContext, maxConnections: number): void {
  if (!worker.ledger.tryRaise(ITEM_CONNECTIONS, maxConnections)) {
    refuse(socket, 'overloaded');
    return;
  }
  socket.on('close', () => worker.ledger.lower(ITEM_CONNECTIONS));
}

const CLIENT_ERRORS = new Map<string, Reason>([
  ['HPE_HEADER_OVERFLOW', 'headers_too_large'],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 'body_too_large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'request_timeout'],
]);

function onClientError(error: NodeJS.ErrnoException, socket: Socket, worker: WorkerContext): void {
  // the client is gone, or an answer is on its way already: bytes added to it would be part of its body
  const answering = (socket as unknown as { _httpMessage?: { headersSent?: boolean } | null })._httpMessage != null;
  if (error.code === 'ECONNRESET' || !socket.writable || answering) {
    socket.destroy();
    return;
  }
  const reason = CLIENT_ERRORS.get(error.code ?? '') ?? 'bad_request';
  const counters = worker.counters.route('none');
  counters.finished('OTHER', failure(reason).status, 0);
  counters.failed(reason);
  refuse(socket, reason);
}

function refuse(socket: Socket, reason: Reason): void {
  socket.on('error', ignore);
  socket.end(rawProblem(reason, requestId(null, false)), 'latin1');
  // whatever the client still sends is not read: it must not hold the socket open
  socket.once('finish', () => socket.destroy());
}

/** The socket is being thrown away; that it also failed tells nobody anything. */
function ignore(): void {}
