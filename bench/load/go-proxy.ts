// The Go yardsticks: bench/load/go/main.go, built when it is first needed, with net/http's defaults and tuned.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/helpers/ports.ts';
import { CAP, type Contender, installed } from './contender.ts';
import { ProcessTree } from './processes.ts';

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
export const goStock = go('go-stock', 0, 'ReverseProxy with its default transport');
export const goTuned = go('go-tuned', CAP, 'ReverseProxy that keeps its connections and buffers');

/** The binary of bench/load/go, built once per source text into a directory of this user outside the tree. */
function buildGo(): string {
  const source = fileURLToPath(new URL('go/main.go', import.meta.url));
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
