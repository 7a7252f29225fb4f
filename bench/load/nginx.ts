// The frame of an nginx configuration that runs from a directory of its own, in the foreground, by any user: shared by
// the origin and by the nginx contender.
import { join } from 'node:path';

/** @param http what stands inside `http { }` */
export function nginxFrame(directory: string, name: string, http: string): string {
  const temp = (kind: string) => `${kind}_temp_path ${join(directory, `${name}-${kind}`)};`;
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  return `${user}daemon off;
worker_processes 1;
pid ${join(directory, `${name}.pid`)};
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(temp).join('\n  ')}
  # The defaults close a connection after 1,000 requests; the bench is about requests, not about connects.
  keepalive_requests 1000000000;
  keepalive_timeout 75s;
${http}
}
`;
}
