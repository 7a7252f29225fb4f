// Who is measured: Weir and its yardsticks. Each is one worker or thread, forwards to the same origin over kept connections,
// caps requests in flight at CAP, sets the same forwarding headers and writes no access log.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/helpers/ports.ts';
import { nginxFrame } from './nginx.ts';
import { ProcessTree } from './processes.ts';

export interface Site {
  /** where a contender may write its configuration */
  directory: string;
  originPort: number;
}

export interface Started {
  port: number;
  tree: ProcessTree;
}

export interface Contender {
  name: string;
  /** one line for the report, or a sentence that says what is missing */
  version(): { there: true; text: string } | { there: false; why: string };
  /** how many routes its configuration has */
  routes: number;
  start(site: Site): Promise<Started>;
}

const CAP = 512;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export function contenders(routes: number | null): Contender[] {
  if (routes === null) return [weir('weir', 1), nginx, haproxy, goStock, goTuned];
  return [weir('weir-10-routes', 10), weir(`weir-${routes}-routes`, routes)];
}

function weir(name: string, routes: number): Contender {
  const bin = join(ROOT, 'bin/weir');
  return {
    name,
    routes,
    version() {
      if (!existsSync(bin)) return { there: false, why: 'bin/weir does not exist' };
      const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
      return { there: true, text: `Weir ${version} on Node ${process.version}` };
    },
    async start({ directory, originPort }) {
      const port = await freePort();
      const file = join(directory, `${name}.yaml`);
      writeFileSync(file, weirConfig(port, await freePort(), originPort, routes));
      const env = { ...process.env, WEIR_LOG: 'warn', NO_COLOR: '1' };
      const args = ['run', '--config', file, '--workers', '1'];
      return { port, tree: new ProcessTree(name, bin, args, join(directory, `${name}.log`), env) };
    },
  };
}

function weirConfig(port: number, adminPort: number, originPort: number, routes: number): string {
  const head = `listeners: [{ address: 127.0.0.1:${port} }]
admin: { address: 127.0.0.1:${adminPort} }
workers: 1
upstreams:
  origin: { endpoints: [http://127.0.0.1:${originPort}], max_concurrent_requests: ${CAP} }
routes:
`;
  if (routes === 1) return `${head}  - { id: all, path_prefix: /, upstream: origin, timeout: 5s }\n`;
  const lines: string[] = [];
  for (let i = 0; i < routes; i++) {
    const n = String(i).padStart(5, '0');
    lines.push(`  - { id: service-${n}, path: '/service-${n}/items/{id}', upstream: origin, timeout: 5s }\n`);
  }
  return head + lines.join('');
}

const nginx: Contender = {
  name: 'nginx',
  routes: 1,
  version: () => installed('nginx', ['-v'], (text) => text.replace('nginx version: nginx/', 'nginx ')),
  async start({ directory, originPort }) {
    const port = await freePort();
    const file = join(directory, 'nginx.conf');
    writeFileSync(
      file,
      nginxFrame(
        directory,
        'nginx',
        `
  upstream origin {
    zone origin 64k;
    server 127.0.0.1:${originPort} max_conns=${CAP};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
      add_header X-Request-Id $request_id;
      proxy_read_timeout 5s;
    }
  }`,
      ),
    );
    return { port, tree: new ProcessTree('nginx', 'nginx', ['-c', file], join(directory, 'nginx.log')) };
  },
};

const haproxy: Contender = {
  name: 'haproxy',
  routes: 1,
  version: () => installed('haproxy', ['-v'], (text) => text.replace(/^HAProxy version (\S+).*$/, 'HAProxy $1')),
  async start({ directory, originPort }) {
    const port = await freePort();
    const file = join(directory, 'haproxy.cfg');
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout client 75s
  timeout connect 500ms
  timeout server 5s
  timeout http-keep-alive 75s
frontend front
  bind 127.0.0.1:${port} backlog 4096
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
  http-response set-header X-Request-Id %[unique-id]
  default_backend back
backend back
  http-reuse always
  server origin 127.0.0.1:${originPort} maxconn ${CAP} pool-max-conn -1
`,
    );
    const args = ['-db', '-f', file];
    return { port, tree: new ProcessTree('haproxy', 'haproxy', args, join(directory, 'haproxy.log')) };
  },
};

/** @param idle connections to the origin that are kept when idle; 0 = what net/http comes with */
function go(name: string, idle: number, what: string): Contender {
  return {
    name,
    routes: 1,
    version: () => installed('go', ['version'], (text) => text.replace(/^go version go(\S+).*$/, `Go $1 ${what}`)),
    async start({ directory, originPort }) {
      const port = await freePort();
      const listen = ['-listen', `127.0.0.1:${port}`, '-origin', `http://127.0.0.1:${originPort}`];
      const args = [...listen, '-cap', String(CAP), '-idle', String(idle)];
      const env = { ...process.env, GOMAXPROCS: '1' };
      return { port, tree: new ProcessTree(name, buildGo(), args, join(directory, `${name}.log`), env) };
    },
  };
}

// net/http keeps two idle connections a host by default, so under load the stock proxy connects anew all the time: that is
// what a ReverseProxy of three lines costs. The tuned one keeps them all and reuses its buffers.
const goStock = go('go-stock', 0, 'ReverseProxy with its default transport');
const goTuned = go('go-tuned', CAP, 'ReverseProxy that keeps its connections and buffers');

/** The binary of bench/load/go, built once per source text into a directory of this user outside the tree. */
function buildGo(): string {
  const source = join(ROOT, 'bench/load/go/main.go');
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 12);
  const directory = join(tmpdir(), `weir-bench-${userInfo().uid}`);
  const binary = join(directory, `go-proxy-${hash}`);
  if (existsSync(binary)) return binary;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const env = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', GOPROXY: 'off', CGO_ENABLED: '0' };
  const built = `${binary}.${process.pid}`;
  execFileSync('go', ['build', '-o', built, source], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 180_000,
  });
  renameSync(built, binary);
  return binary;
}

function installed(file: string, args: string[], shape: (line: string) => string): ReturnType<Contender['version']> {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', timeout: 10_000 });
  if (status !== 0) return { there: false, why: `${file} is not installed; \`sh scripts/setup.sh bench\` installs it` };
  return { there: true, text: shape((stdout || stderr).split('\n')[0] ?? file) };
}
