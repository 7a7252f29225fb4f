// A Node yardstick of the load bench: @fastify/http-proxy with the duties that Weir has in the same run: a cap on requests
// in flight, a deadline, forwarding headers, a request id, counters.
// usage: node fastify-http-proxy.mjs PORT ORIGIN CAP
import { randomUUID } from 'node:crypto';
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';

const DEADLINE_MS = 5000;
const [port, upstream, cap] = process.argv.slice(2);
const slots = Number(cap);
const byClass = [0, 0, 0, 0, 0, 0];
let inFlight = 0;

const server = fastify({ logger: false, genReqId: () => randomUUID(), keepAliveTimeout: 75_000 });

server.addHook('onRequest', (request, reply, next) => {
  if (inFlight >= slots) {
    reply.code(503).header('retry-after', '1').send('at capacity');
    return;
  }
  inFlight++;
  reply.header('x-request-id', request.id);
  // `close` also comes when the client goes in the middle, which onResponse does not
  reply.raw.once('close', () => {
    inFlight--;
    byClass[Math.trunc(reply.raw.statusCode / 100)]++;
  });
  next();
});

server.register(proxy, {
  upstream,
  // one connection for each request in flight, all kept: the library's default is 128
  undici: { connections: slots, pipelining: 1, headersTimeout: DEADLINE_MS, bodyTimeout: DEADLINE_MS },
  replyOptions: {
    // else the origin's keep-alive goes on to a client that asked for close
    rewriteHeaders: (headers) => {
      delete headers.connection;
      return headers;
    },
    rewriteRequestHeaders: (request, headers) => ({
      ...headers,
      'x-forwarded-for': request.ip,
      'x-forwarded-proto': 'http',
      'x-forwarded-host': request.headers.host,
      'x-request-id': request.id,
    }),
  },
});

await server.listen({ host: '127.0.0.1', port: Number(port), backlog: 4096 });
