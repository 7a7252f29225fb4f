// What an idle kept connection costs a worker in memory, and whether its descriptors come back: opens many, lets each ask
// once, looks, closes them all, looks again. Run: node bench/soak/idle.ts [--connections N]
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { pause, until, within } from '../../test/helpers/deadline.ts';
import { exitCodeOf, UsageError } from '../load/stage.ts';
import { type ProcessReading, readProcess } from './census.ts';
import { soakConfig } from './config.ts';
import { Random } from './random.ts';
import { summed } from './samples.ts';
import { Stage } from './stage.ts';

const USAGE = `usage: node bench/soak/idle.ts [options]
  --connections N   (10000 when the limit of open files allows it, else 2000)
Exit: 0; 1 when descriptors do not come back; 2 usage.`;

const MANY = 10_000;
const FEWER = 2000;
/** Files that neither side's connections are. */
const SPARE = 500;
const AT_ONCE = 100;
const REQUEST = 'GET /ping HTTP/1.1\r\nHost: idle.example\r\n\r\n';

/** Soft limit of open files, which the worker has from us. */
function descriptorLimit(): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return Number(soft ?? 1024);
}

function readCount(): number {
  const { values } = parseArgs({ options: { connections: { type: 'string' } } });
  const limit = descriptorLimit() - SPARE;
  if (values.connections === undefined) return limit >= MANY ? MANY : Math.min(FEWER, limit);
  const count = Number(values.connections);
  if (!Number.isInteger(count) || count < 1) throw new UsageError('--connections takes a whole number from 1');
  if (count > limit) throw new UsageError(`--connections ${count} needs \`ulimit -n ${count + SPARE}\` or more`);
  return count;
}

/** Connected, and one request answered. */
function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(REQUEST));
    socket.once('error', reject);
    socket.once('data', () => {
      socket.off('error', reject);
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

function read(pid: number): ProcessReading {
  const reading = readProcess(pid);
  if (reading === null) throw new Error('the worker is gone');
  return reading;
}

async function main(): Promise<number> {
  const count = readCount();
  process.env['PATH'] += ':/usr/sbin:/sbin';
  const stage = new Stage();
  const sockets: Socket[] = [];
  try {
    const site = await stage.site();
    const gateway = await stage.gateway(soakConfig(site, new Random(1)), 1);
    const [pid] = await gateway.workerPids();
    if (pid === undefined) throw new Error('there is no worker');
    // its code compiled, its pools made: what comes after is the connections'
    for (let round = 0; round < 20; round++) {
      const warm = await Promise.all(Array.from({ length: AT_ONCE }, () => open(site.port)));
      for (const socket of warm) socket.destroy();
    }
    await until(10_000, 'rest', async () => summed(await gateway.metrics(), 'connections_active') === 0, 100);
    await pause(2000);
    const before = read(pid);
    while (sockets.length < count) {
      const more = Math.min(AT_ONCE, count - sockets.length);
      sockets.push(
        ...(await within(20_000, Promise.all(Array.from({ length: more }, () => open(site.port))), 'answers')),
      );
    }
    await pause(2000);
    const held = read(pid);
    const active = summed(await gateway.metrics(), 'connections_active');
    for (const socket of sockets) socket.destroy();
    await until(20_000, 'rest', async () => summed(await gateway.metrics(), 'connections_active') === 0, 100);
    await pause(2000);
    const after = read(pid);
    const each = (of: 'rssBytes' | 'anonBytes') => ((held[of] - before[of]) / count / 1024).toFixed(2);
    const mb = ({ rssBytes }: ProcessReading) => (rssBytes / 2 ** 20).toFixed(1);
    console.log(`${count} idle connections, one worker, Node ${process.version}, load average ${loadavg()[0]?.toFixed(2)}
  connections_active while they were open   ${active}
  RSS of the worker, MB                     ${mb(before)} before, ${mb(held)} with them, ${mb(after)} after
  RSS per idle connection, KiB              ${each('rssBytes')}, of it the worker's own ${each('anonBytes')}
  open descriptors of the worker            ${before.descriptors} before, ${held.descriptors} with them, ${after.descriptors} after`);
    const broken = await stage.finish(gateway);
    if (after.descriptors > before.descriptors) broken.push('not all descriptors came back');
    if (active !== count) broken.push(`connections_active was ${active}, not ${count}`);
    for (const sentence of broken) console.error(`BROKEN: ${sentence}`);
    return broken.length > 0 ? 1 : 0;
  } finally {
    for (const socket of sockets) socket.destroy();
    await stage.clear();
  }
}

process.exitCode = await exitCodeOf('idle', USAGE, main);
