// Weir as a contender: of this tree or of any other, with one route or many, with policies or without.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/helpers/ports.ts';
import { CAP, type Contender } from './contender.ts';
import { ProcessTree } from './processes.ts';

export const THIS_TREE = fileURLToPath(new URL('../..', import.meta.url));

export interface WeirShape {
  /** the tree whose bin/weir is run */
  root: string;
  routes: number;
  /** the headers policy, a queue, trusted proxies */
  policies: boolean;
}

export function weir(name: string, shape: WeirShape): Contender {
  const bin = join(shape.root, 'bin/weir');
  return {
    name,
    routes: shape.routes,
    version() {
      if (!existsSync(bin)) return { there: false, why: `${bin} does not exist` };
      const { version } = JSON.parse(readFileSync(join(shape.root, 'package.json'), 'utf8')) as { version: string };
      return { there: true, text: `Weir ${version} on Node ${process.version}` };
    },
    async start({ directory, originPort }) {
      const port = await freePort();
      const file = join(directory, `${name}.yaml`);
      writeFileSync(file, weirConfig(port, await freePort(), originPort, shape));
      // WEIR_NODE: two trees are compared on one Node, the one that the report names
      const env = { ...process.env, WEIR_LOG: 'warn', NO_COLOR: '1', WEIR_NODE: process.execPath };
      const args = ['run', '--config', file, '--workers', '1'];
      return { port, tree: new ProcessTree(name, bin, args, join(directory, `${name}.log`), env) };
    },
  };
}

const POLICIES = `    policies:
      headers:
        request: { set: { X-Tenant: bench }, remove: [X-Debug] }
        response: { set: { X-Gateway: bench }, remove: [Server] }
`;

function weirConfig(port: number, adminPort: number, originPort: number, { routes, policies }: WeirShape): string {
  const queue = policies ? ', queue: { max: 64, timeout: 100ms }' : '';
  const head = `listeners: [{ address: 127.0.0.1:${port} }]
admin: { address: 127.0.0.1:${adminPort} }
workers: 1
${policies ? 'trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]\n' : ''}upstreams:
  origin: { endpoints: [http://127.0.0.1:${originPort}], max_concurrent_requests: ${CAP}${queue} }
routes:
`;
  if (routes === 1) {
    return `${head}  - id: all\n    path_prefix: /\n    upstream: origin\n    timeout: 5s\n${policies ? POLICIES : ''}`;
  }
  const lines: string[] = [];
  for (let i = 0; i < routes; i++) {
    const n = String(i).padStart(5, '0');
    lines.push(`  - { id: service-${n}, path: '/service-${n}/items/{id}', upstream: origin, timeout: 5s }\n`);
  }
  return head + lines.join('');
}
