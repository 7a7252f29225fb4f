// The cap on requests in flight is the host's: exact over all workers, and whole again when some of them are killed.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { test } from 'node:test';
import { atRest } from '../gateway/rest.ts';
import { until } from '../helpers/deadline.ts';
import { startGateway } from '../helpers/gateway.ts';
import { delayed, reply, startOrigin } from '../helpers/origin.ts';
import { Load } from './load.ts';

const CAP = 10;

interface Watch {
  now: number;
  max: number;
}

/**
 * Counts what is in flight as the wire tells it: a request whose peer has closed is over. node:http says so only some
 * turns later, when its own side is closed too, and by then the slot may rightly be another's.
 */
function watch(server: Server): Watch {
  const seen: Watch = { now: 0, max: 0 };
  server.prependListener('request', (request, response) => {
    seen.now += 1;
    seen.max = Math.max(seen.max, seen.now);
    const { socket } = request;
    let counted = true;
    const leave = () => {
      if (counted) seen.now -= 1;
      counted = false;
      socket.off('end', leave);
    };
    socket.on('end', leave);
    response.once('prefinish', leave);
    response.once('close', leave);
  });
  return seen;
}

const CLIENTS = 120;

/** Those of `pids` that have a connection of one of these local ports, by what the kernel tells of their descriptors. */
function holdersOf(ports: readonly number[], pids: readonly number[]): number[] {
  const inodes = new Set<string>();
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local = '', , , , , , , , inode = ''] = line.trim().split(/\s+/);
    if (ports.includes(Number.parseInt(local.split(':')[1] ?? '', 16))) inodes.add(`socket:[${inode}]`);
  }
  return pids.filter((pid) => {
    const directory = `/proc/${pid}/fd`;
    return readdirSync(directory).some((fd) => {
      try {
        return inodes.has(readlinkSync(`${directory}/${fd}`));
      } catch {
        return false; // closed meanwhile
      }
    });
  });
}

test('120 clients over 4 workers never have 11 requests at the origin, also when two workers are killed', async (t) => {
  const origin = await startOrigin(delayed(8, reply(200, 'ok')));
  t.after(() => origin.close());
  const inFlight = watch(origin.server);
  const gateway = await startGateway({
    workers: 4,
    config: `
listeners: [{ address: 127.0.0.1:0 }]
upstreams: { origin: { endpoints: ['${origin.url}'], max_concurrent_requests: ${CAP} } }
routes: [{ id: all, path_prefix: /, upstream: origin, timeout: 20s }]
`,
  });
  t.after(() => gateway.stop());
  const load = new Load({ url: gateway.url, clients: CLIENTS, keepAlive: true, pauseMs: 10 });
  t.after(() => load.stop());

  // under way: the cap is reached and never exceeded, and nobody gets anything but an answer
  await until(5000, 'load', () => load.seen.length > 3000);
  assert.equal(inFlight.max, CAP);
  assert.deepEqual([...load.statuses().keys()].sort(), [200, 503]);

  // all slots are taken by requests that do not end, and two of the workers that hold them are killed
  origin.hold();
  await until(2000, 'all slots held', () => origin.held === CAP);
  const asked = origin.requests.length;
  const heldPorts = origin.requests
    .filter(({ complete, aborted }) => complete && !aborted)
    .slice(-CAP)
    .map(({ peerPort }) => peerPort);
  const holders = holdersOf(heldPorts, await gateway.workerPids());
  assert.ok(holders.length >= 2, 'one worker alone had all slots');
  const killed = holders.slice(0, 2);
  const killedMs = performance.now();
  for (const pid of killed) process.kill(pid, 'SIGKILL');
  const inOtherHands = () => {
    const lost = origin.requests.slice(0, asked).filter(({ aborted }) => aborted).length;
    assert.ok(lost > 0, 'the killed workers held no slot');
    assert.equal(origin.held, CAP, `${lost} slots were lost`);
    return true;
  };
  await until(1000, 'the slots of the dead in other hands', inOtherHands, 2);
  const backMs = performance.now() - killedMs;
  assert.ok(backMs < 1000, `${backMs} ms`);
  assert.equal(inFlight.max, CAP);

  // and it goes on as before, with as many workers
  origin.release();
  await gateway.stateWhen(
    ({ workers }) =>
      workers.length === 4 && workers.every(({ pid, state }) => state === 'ready' && !killed.includes(pid)),
  );
  const goesOn = load.seen.length;
  await until(5000, 'load', () => load.seen.length > goesOn + 2000);
  await load.stop();
  assert.equal(inFlight.max, CAP);
  assert.deepEqual([...load.statuses().keys()].filter((status) => status !== 0).sort(), [200, 503]);
  // only what was on its way at the kill was lost
  for (const { error, startedMs } of load.errors())
    assert.ok(startedMs < killedMs + 500, `${error?.code} ${startedMs - killedMs} ms after the kill`);
  assert.ok(load.errors().length < CLIENTS + 20, `${load.errors().length} errors`);

  const metrics = await atRest(gateway);
  assert.equal(metrics.get('upstream_connection_saturation_ratio{upstream="origin"}'), 0);
  assert.equal(metrics.get('upstream_requests_active{upstream="origin"}'), 0);
  assert.equal(metrics.get('http_requests_active'), 0);
  assert.equal(metrics.get('worker_deaths_total'), 2);
});

test('a queue in front of the cap loses nobody and stays exact over 4 workers', async (t) => {
  const origin = await startOrigin(delayed(3, reply(200, 'ok')));
  t.after(() => origin.close());
  await using gateway = await startGateway({
    workers: 4,
    config: `
listeners: [{ address: 127.0.0.1:0 }]
upstreams: { origin: { endpoints: ['${origin.url}'], max_concurrent_requests: 5, queue: { max: 100, timeout: 10s } } }
routes: [{ id: all, path_prefix: /, upstream: origin, timeout: 20s }]
`,
  });
  const load = new Load({ url: gateway.url, clients: 60, keepAlive: true, pauseMs: 0 });
  await until(10_000, 'load', () => load.seen.length > 1500);
  await load.stop();
  assert.equal(origin.inFlightMax, 5);
  assert.deepEqual([...load.statuses().keys()], [200]);
  // nobody was forgotten in a queue of a worker while others were served
  const longestMs = Math.max(...load.seen.map(({ startedMs, endedMs }) => endedMs - startedMs));
  assert.ok(longestMs < 3000, `${longestMs} ms`);
  assert.equal((await gateway.metrics()).get('upstream_requests_queued{upstream="origin"}'), 0);
});
