// The instruments of the soak: its arithmetic, its attribution of failures, its clients, and that it can be run again.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { clientsOf, isOver, processesOf, readProcess, stopProcess } from '../../bench/soak/census.ts';
import { chart, roundUp } from '../../bench/soak/chart.ts';
import { badConfig, soakConfig } from '../../bench/soak/config.ts';
import { Connection } from '../../bench/soak/connection.ts';
import { attribute, FallWatch, growth, type Killed, type Point, regress } from '../../bench/soak/judgement.ts';
import type { Failure } from '../../bench/soak/messages.ts';
import { readOptions } from '../../bench/soak/options.ts';
import { Random } from '../../bench/soak/random.ts';
import { isCounter } from '../../bench/soak/samples.ts';
import { schedule } from '../../bench/soak/schedule.ts';
import { loadConfigText } from '../../src/shared/config/load.ts';
import { until, within } from '../helpers/deadline.ts';

const LIMITS = { secondsMin: 60, perHour: 30, rise: 8 };
const every = (seconds: number, of: (t: number) => number): Point[] =>
  Array.from({ length: seconds }, (_, t): Point => [t, of(t)]);

test('a slope is found with its error', () => {
  const exact = regress(every(100, (t) => 3 + 0.5 * t));
  assert.ok(exact !== null && Math.abs(exact.slope - 0.5) < 1e-9 && exact.error < 1e-6);
  assert.ok(Math.abs(exact.from - 3) < 1e-9 && Math.abs(exact.to - 52.5) < 1e-9);
  const random = new Random(1);
  const noisy = regress(every(400, (t) => 100 + 0.1 * t + random.between(-10, 10)));
  assert.ok(noisy !== null && Math.abs(noisy.slope - 0.1) < 4 * noisy.error && noisy.error > 0.001);
  assert.equal(
    regress([
      [1, 1],
      [2, 2],
    ]),
    null,
  );
  assert.equal(
    regress([
      [1, 1],
      [1, 2],
      [1, 3],
    ]),
    null,
  );
});

test('a leak grows, a saw-tooth and a level do not, and a short life says nothing', () => {
  assert.equal(
    growth(
      every(600, (t) => 100 + t * 0.05),
      LIMITS,
    ).growth,
    'growing',
  );
  assert.equal(
    growth(
      every(600, (t) => 100 + t * 0.05 + (t % 20)),
      LIMITS,
    ).growth,
    'growing',
    'under a saw-tooth',
  );
  assert.equal(
    growth(
      every(600, (t) => 100 + (t % 20)),
      LIMITS,
    ).growth,
    'flat',
  );
  // one and a half teeth of 90 s: steep for a while, and no leak
  assert.equal(
    growth(
      every(135, (t) => 100 + (t % 90) / 3),
      LIMITS,
    ).growth,
    'flat',
  );
  assert.equal(
    growth(
      every(600, (t) => 100 - t * 0.05),
      LIMITS,
    ).growth,
    'flat',
  );
  assert.equal(
    growth(
      every(30, (t) => 100 + t),
      LIMITS,
    ).growth,
    'too short',
  );
});

test('a counter that falls or vanishes is told, a gauge is not', () => {
  const watch = new FallWatch();
  const look = (at: number, ...samples: [string, number][]) => watch.look(new Map(samples), isCounter, `at ${at} s`);
  look(1, ['http_requests_total{route="a"}', 5], ['http_request_duration_seconds_sum{route="a"}', 2], ['worker_up', 4]);
  look(2, ['http_requests_total{route="a"}', 5], ['http_request_duration_seconds_sum{route="a"}', 3], ['worker_up', 3]);
  assert.deepEqual(watch.falls, []);
  look(3, ['http_requests_total{route="a"}', 4], ['worker_up', 3]);
  assert.deepEqual(watch.falls, [
    'at 3 s: http_requests_total{route="a"} fell from 5 to 4',
    'at 3 s: http_request_duration_seconds_sum{route="a"} is gone',
  ]);
});

test('a failure is the kill of the worker that had it, or nobody excuses it', () => {
  const clients = { accepted: new Set([1001]), unaccepted: new Set([1002]) };
  const kill: Killed = { pid: 1, stoppedMs: 1000, killedMs: 1002, overMs: 1150, clients };
  const failure: Failure = {
    kind: 'get',
    localPort: 1001,
    openedMs: 500,
    startedMs: 990,
    endedMs: 1003,
    what: 'ECONNRESET',
    served: 3,
  };
  const told = (part: Partial<Failure>) => attribute({ ...failure, ...part }, [kill]);
  assert.equal(told({}), 'in a killed worker');
  assert.equal(told({ localPort: 1003 }), null, 'another worker had it');
  assert.equal(told({ what: 'status 502' }), null, 'it was answered');
  assert.equal(told({ endedMs: 900 }), null, 'it failed before');
  assert.equal(told({ openedMs: 2000, endedMs: 2001 }), null, 'the port was given anew');
  assert.equal(told({ localPort: 1002, openedMs: 900, served: 0 }), 'waiting for a killed worker to accept');
  assert.equal(told({ localPort: 1004, openedMs: 1001, served: 0 }), 'waiting for a killed worker to accept');
  assert.equal(
    told({ localPort: 1004, openedMs: 1149, endedMs: 1151, served: 0 }),
    'waiting for a killed worker to accept',
  );
  assert.equal(told({ localPort: 1004, openedMs: 1151, endedMs: 1152, served: 0 }), null, 'the killed one was gone');
  assert.equal(told({ localPort: 1004, openedMs: 700, served: 0 }), null, 'it was accepted long before, by another');
});

test('the same seed does the same things, and another one others', () => {
  const of = (seed: number) => schedule(new Random(seed), 20 * 60_000);
  assert.deepEqual(of(7), of(7));
  assert.notDeepEqual(of(7), of(8));
  const deeds = of(7);
  const count = (deed: string) => deeds.filter((planned) => planned.deed === deed).length;
  assert.ok(count('kill_worker') >= 38 && count('kill_worker') <= 60, 'a worker every 20 to 30 s');
  assert.ok(count('kill_primary') >= 2 && count('reload') > 50 && count('bad_reload') > 5);
  assert.ok(deeds.every(({ atMs }, at) => atMs > 0 && atMs < 20 * 60_000 && atMs >= (deeds[at - 1]?.atMs ?? 0)));
});

test('every variant of the configuration is good, every bad one is refused', () => {
  const random = new Random(3);
  const site = { port: 8080, adminPort: 9901, originPorts: [9001, 9002] as [number, number] };
  const variants = new Set<string>();
  for (let n = 0; n < 30; n++) {
    const good = soakConfig(site, random);
    variants.add(good);
    const loaded = loadConfigText(good, 'soak.yaml', {});
    assert.ok(loaded.ok, loaded.ok ? '' : loaded.faults[0]?.message);
    assert.equal(loadConfigText(badConfig(good, random), 'soak.yaml', {}).ok, false);
  }
  assert.ok(variants.size > 25);
});

test('a client checks its answer, reads slowly, and hangs up', async (t) => {
  const server = createServer((request, response) => {
    if (request.url === '/silent') return;
    if (request.url === '/cut')
      response.writeHead(200, { 'content-length': 99 }).write('x', () => request.socket.destroy());
    else
      response
        .writeHead(request.url === '/missing' ? 404 : 200, { 'content-length': 200_000 })
        .end('x'.repeat(200_000));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const ask = (path: string, part = {}) =>
    within(
      5000,
      new Promise<{ fault: string | null; closed: boolean; served: number }>((resolve) => {
        const finished = ({ closed, served }: Connection, fault: string | null) => {
          connection.ask = null;
          connection.close();
          resolve({ fault, closed, served });
        };
        const connection = new Connection(port, { finished, lost: () => {} });
        const bytes = `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
        const plain = { kind: 'get' as const, bytes, status: 200, length: 200_000, slowly: false, abortAfterMs: 0 };
        connection.send({ ...plain, ...part });
      }),
      path,
    );
  assert.deepEqual(await ask('/'), { fault: null, closed: false, served: 1 });
  assert.deepEqual(await ask('/', { slowly: true }), { fault: null, closed: false, served: 1 });
  assert.equal((await ask('/missing')).fault, 'status 404');
  assert.equal((await ask('/', { length: 5 })).fault, 'length 200000');
  assert.match((await ask('/cut', { length: 99 })).fault ?? '', /^(closed|ECONNRESET)$/);
  assert.deepEqual(await ask('/silent', { abortAfterMs: 20 }), { fault: null, closed: true, served: 0 });
});

test('the census knows the clients of a process, accepted or not', async (t) => {
  const script = `require('net').createServer(() => {}).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`;
  const directory = `/nowhere/${process.pid}`;
  const child = spawn(process.execPath, ['-e', script], {
    env: { ...process.env, WEIR_RUNTIME_DIR: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const port = Number(await within(10_000, firstLine(child), 'the port'));
  const pid = child.pid as number;
  assert.deepEqual(processesOf(directory), [pid]);
  assert.ok((readProcess(pid)?.rssBytes ?? 0) > 2 ** 20);
  const accepted = await connected(t, port);
  await until(5000, 'the first client', () => clientsOf(pid, port).accepted.has(accepted));
  assert.equal(stopProcess(pid), true);
  const waiting = await connected(t, port);
  const clients = clientsOf(pid, port);
  assert.deepEqual([...clients.accepted], [accepted]);
  assert.deepEqual([...clients.unaccepted], [waiting]);
  assert.deepEqual([...clientsOf(process.pid, port).accepted], [], 'our own ends are not theirs');
  child.kill('SIGKILL');
  await until(5000, 'its end', () => isOver(pid));
});

async function connected(t: TestContext, port: number): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  await within(5000, once(socket, 'connect'), 'a connection');
  return socket.localPort as number;
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => child.stdout?.once('data', (data: Buffer) => resolve(String(data).trim())));
}

test('the chart is whole and says what its lines are', () => {
  const points: Point[] = [
    [0, 1],
    [10, 140],
  ];
  const lines = [{ name: 'worker 1 & <2>', points, tone: 0 }];
  const limit = { value: 120, name: 'limit' };
  const svg = chart('a title', 10, [{ title: 'RSS, MB', lines, limit }], [{ atSeconds: 5, name: 'reload', tone: 2 }]);
  assert.match(svg, /^<svg [^>]+>.*<\/svg>\n$/s);
  assert.ok(svg.includes('worker 1 &amp; &lt;2&gt;') && svg.includes('prefers-color-scheme: dark'));
  assert.ok(!/NaN|undefined|Infinity/.test(svg));
  const opened = svg.match(/<(svg|text|title|path|line|style)\b(?:[^>]*[^/])?>/g)?.length;
  assert.equal(opened, svg.match(/<\/(svg|text|title|path|line|style)>/g)?.length);
  assert.deepEqual([0, 0.4, 7, 120, 1500].map(roundUp), [1, 0.5, 10, 150, 1500]);
});

test('options that make no sense are refused before anything starts', () => {
  assert.equal(readOptions(['--minutes', '3', '--seed', '5']).minutes, 3);
  for (const args of [
    ['--minutes', '0'],
    ['--workers', '1.5'],
    ['--load', '2'],
    ['--seed', '-1'],
    ['--seed', 'x'],
    ['--what'],
  ]) {
    assert.throws(() => readOptions(args), Error, args.join(' '));
  }
});
