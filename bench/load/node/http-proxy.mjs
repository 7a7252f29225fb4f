// A Node yardstick of the load bench: http-proxy with the duties that Weir has in the same run: a cap on requests in
// flight, a deadline, forwarding headers, a request id, counters.
// usage: node http-proxy.mjs PORT ORIGIN CAP
import { randomUUID } from 'node:crypto';
import { Agent, createServer } from 'node:http';
import httpProxy from 'http-proxy';

const DEADLINE_MS = 5000;
const [port, target, cap] = process.argv.slice(2);
const slots = Number(cap);
const byClass = [0, 0, 0, 0, 0, 0];
let inFlight = 0;

const proxy = httpProxy.createProxyServer({
  target,
  agent: new Agent({ keepAlive: true, maxSockets: slots, maxFreeSockets: slots }),
  xfwd: true,
  proxyTimeout: DEADLINE_MS,
});
// else the origin's keep-alive goes on to a client that asked for close
proxy.on('proxyRes', (from, _request, answer) => {
  from.headers.connection = answer.shouldKeepAlive ? 'keep-alive' : 'close';
});
proxy.on('error', (_error, _request, answer) => {
  if (answer.headersSent) answer.destroy();
  else answer.writeHead(502).end('bad gateway');
});

const server = createServer({ keepAliveTimeout: 75_000 }, (request, answer) => {
  if (inFlight >= slots) {
    answer.writeHead(503, { 'retry-after': '1' }).end('at capacity');
    return;
  }
  inFlight++;
  answer.once('close', () => {
    inFlight--;
    byClass[Math.trunc(answer.statusCode / 100)]++;
  });
  const id = randomUUID();
  request.headers['x-request-id'] = id;
  // else a client's close ends the connection to the origin, too
  request.headers.connection = 'keep-alive';
  answer.setHeader('x-request-id', id);
  proxy.web(request, answer);
});
server.listen({ host: '127.0.0.1', port: Number(port), backlog: 4096 });
