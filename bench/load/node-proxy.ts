// The Node yardsticks: bench/load/node, installed from its own lock when it is first needed, into a directory of this user
// outside the tree, so that Weir's own dependencies stay its own.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/helpers/ports.ts';
import { CAP, type Contender } from './contender.ts';
import { ProcessTree } from './processes.ts';

const SOURCE = fileURLToPath(new URL('node', import.meta.url));
const MANIFESTS = ['package.json', 'package-lock.json'];

export const fastifyHttpProxy = node('fastify-http-proxy', '@fastify/http-proxy');
export const httpProxy = node('http-proxy', 'http-proxy');

/** @param name of the server's file in bench/load/node, too */
function node(name: string, library: string): Contender {
  return {
    name,
    routes: 1,
    version() {
      try {
        const manifest = join(installation(), 'node_modules', library, 'package.json');
        const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
        return { there: true, text: `${library} ${version} on Node ${process.version}` };
      } catch (error) {
        const words = String((error as { stderr?: unknown }).stderr ?? (error as Error).message);
        return { there: false, why: `bench/load/node cannot be installed: ${words.trim().split('\n').at(-1)}` };
      }
    },
    async start({ directory, originPort }) {
      const port = await freePort();
      const program = join(installation(), `${name}.mjs`);
      copyFileSync(join(SOURCE, `${name}.mjs`), program);
      // http-proxy calls what Node has deprecated
      const args = ['--no-deprecation', program, String(port), `http://127.0.0.1:${originPort}`, String(CAP)];
      const env = { ...process.env, NODE_ENV: 'production' };
      return { port, tree: new ProcessTree(name, process.execPath, args, join(directory, `${name}.log`), env) };
    },
  };
}

/** The directory with the packages of the lock: `npm ci` once per lock. */
function installation(): string {
  const hash = createHash('sha256');
  for (const file of MANIFESTS) hash.update(readFileSync(join(SOURCE, file)));
  const directory = join(tmpdir(), `weir-bench-${userInfo().uid}`, `node-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(directory)) return directory;
  const made = `${directory}.${process.pid}`;
  mkdirSync(made, { recursive: true, mode: 0o700 });
  try {
    for (const file of MANIFESTS) copyFileSync(join(SOURCE, file), join(made, file));
    console.error('bench: installing the Node yardsticks (npm ci, once)');
    const args = ['ci', '--prefix', made, '--ignore-scripts', '--no-audit', '--no-fund'];
    execFileSync('npm', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 180_000 });
    renameSync(made, directory);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return directory;
}
