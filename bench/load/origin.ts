// The origin behind every contender: nginx with fixed answers, the cheapest that is still a real server. Its CPU time is
// nobody's: it is a process of its own and is not counted.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/helpers/ports.ts';
import { nginxFrame } from './nginx.ts';
import { ProcessTree } from './processes.ts';
import { LARGE_FILES, SMALL_JSON } from './scenarios.ts';

export interface BenchOrigin {
  port: number;
  tree: ProcessTree;
}

/** `/large/NAME` is the file of that name of LARGE_FILES, all else is SMALL_JSON. */
export async function startBenchOrigin(directory: string): Promise<BenchOrigin> {
  const port = await freePort();
  mkdirSync(join(directory, 'large'), { recursive: true });
  for (const [name, bytes] of Object.entries(LARGE_FILES)) {
    writeFileSync(join(directory, 'large', name), Buffer.alloc(bytes, 'x'));
  }
  const file = join(directory, 'origin.conf');
  writeFileSync(
    file,
    nginxFrame(
      directory,
      'origin',
      `
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { default_type application/json; return 200 '${SMALL_JSON}'; }
    location /large/ { root ${directory}; sendfile on; open_file_cache max=10; default_type application/octet-stream; }
  }`,
    ),
  );
  return { port, tree: new ProcessTree('origin', 'nginx', ['-c', file], join(directory, 'origin.log')) };
}
