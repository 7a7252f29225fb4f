// The origin behind the soak: nginx as in the load bench, on two ports, so that a reload can add and remove an endpoint.
// Where nginx is not installed a small Node server takes its place, in a process of its own.
// `/large` 64 KiB, `/huge` 1 MiB, `/drip` 64 KiB that take about two seconds; all else is SMALL_JSON.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { get } from '../../test/helpers/client.ts';
import { until } from '../../test/helpers/deadline.ts';
import { freePort } from '../../test/helpers/ports.ts';
import { nginxFrame } from '../load/nginx.ts';
import { ProcessTree } from '../load/processes.ts';
import { LARGE_FILES, SMALL_JSON } from '../load/scenarios.ts';

export const LARGE_BYTES = LARGE_FILES['64k'];
export const HUGE_BYTES = LARGE_FILES['1m'];

export interface SoakOrigin {
  ports: [number, number];
  tree: ProcessTree;
  /** for the report */
  what: string;
}

/** Resolves once both ports answer. */
export async function startSoakOrigin(directory: string): Promise<SoakOrigin> {
  const ports: [number, number] = [await freePort(), await freePort()];
  const nginx = spawnSync('nginx', ['-v'], { encoding: 'utf8' });
  const tree = nginx.error ? startNode(directory, ports) : startNginx(directory, ports);
  const what = nginx.error ? `Node ${process.version}` : nginx.stderr.trim().replace('nginx version: ', '');
  try {
    await until(10_000, 'the origin', async () => {
      if (!tree.running) throw new Error(`the origin ended: ${tree.lastWords()}`);
      for (const port of ports) if ((await get(`http://127.0.0.1:${port}/`)).status !== 200) return false;
      return true;
    });
  } catch (error) {
    await tree.stop();
    throw error;
  }
  return { ports, tree, what };
}

function startNginx(directory: string, ports: number[]): ProcessTree {
  writeFileSync(join(directory, 'large'), Buffer.alloc(LARGE_BYTES, 'x'));
  writeFileSync(join(directory, 'drip'), Buffer.alloc(LARGE_BYTES, 'x'));
  writeFileSync(join(directory, 'huge'), Buffer.alloc(HUGE_BYTES, 'x'));
  const servers = ports.map(
    (port) => `
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${directory};
    default_type application/octet-stream;
    sendfile on;
    location / { default_type application/json; return 200 '${SMALL_JSON}'; }
    location = /large { }
    location = /huge { }
    location = /drip { limit_rate 32k; }
  }`,
  );
  const file = join(directory, 'origin.conf');
  writeFileSync(file, nginxFrame(directory, 'origin', servers.join('')));
  return new ProcessTree('origin', 'nginx', ['-c', file], join(directory, 'origin.log'));
}

function startNode(directory: string, ports: number[]): ProcessTree {
  const args = [fileURLToPath(import.meta.url), ...ports.map(String)];
  return new ProcessTree('origin', process.execPath, args, join(directory, 'origin.log'));
}

function serve(port: number): void {
  const [large, huge] = [Buffer.alloc(LARGE_BYTES, 'x'), Buffer.alloc(HUGE_BYTES, 'x')];
  createServer((request, response) => {
    request.resume();
    if (request.url === '/drip') return drip(response, large);
    const body = request.url === '/large' ? large : request.url === '/huge' ? huge : SMALL_JSON;
    response.writeHead(200, { 'content-length': Buffer.byteLength(body) }).end(body);
  }).listen(port, '127.0.0.1');
}

function drip(response: ServerResponse, body: Buffer): void {
  response.writeHead(200, { 'content-length': body.length });
  let sent = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(sent, (sent += body.length / 16)));
    if (sent >= body.length) response.end();
  }, 125);
  response.once('close', () => clearInterval(timer));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) for (const port of process.argv.slice(2)) serve(Number(port));
