// The servers written in C, as contenders: nginx with one worker, HAProxy with one thread.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/helpers/ports.ts';
import { CAP, type Contender, installed } from './contender.ts';
import { nginxFrame } from './nginx.ts';
import { ProcessTree } from './processes.ts';

/** What Weir's policies do in the scenario of that name. X-Forwarded-For goes on instead of being replaced. */
const NGINX_POLICIES = `
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Tenant bench;
      proxy_set_header X-Debug "";
      proxy_hide_header Server;
      add_header X-Gateway bench;`;

export interface NginxShape {
  policies: boolean;
  /** buffers for large answers; by default nginx takes 4 KiB at a time and at most 36 KiB */
  tuned: boolean;
}

const NGINX_BUFFERS = `
  proxy_buffer_size 16k;
  proxy_buffers 16 32k;
  proxy_busy_buffers_size 64k;`;

export function nginx({ policies, tuned }: NginxShape): Contender {
  const name = tuned ? 'nginx-tuned' : 'nginx';
  return {
    name,
    routes: 1,
    version: () => installed('nginx', ['-v'], (text) => text.replace('nginx version: nginx/', 'nginx ')),
    async start({ directory, originPort }) {
      const port = await freePort();
      const file = join(directory, `${name}.conf`);
      writeFileSync(
        file,
        nginxFrame(
          directory,
          name,
          `
  # never into a file: a large answer waits for its reader, as with all other contenders
  proxy_max_temp_file_size 0;${tuned ? NGINX_BUFFERS : ''}
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
      proxy_set_header Connection "";${policies ? NGINX_POLICIES : '\n      proxy_set_header X-Forwarded-For $remote_addr;'}
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
      add_header X-Request-Id $request_id;
      proxy_read_timeout 5s;
    }
  }`,
        ),
      );
      return { port, tree: new ProcessTree(name, 'nginx', ['-c', file], join(directory, `${name}.log`)) };
    },
  };
}

export const haproxy: Contender = {
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
