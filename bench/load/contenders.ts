// Who is measured in a scenario, in the order of its table.
import type { Contender } from './contender.ts';
import { goStock, goTuned } from './go-proxy.ts';
import { fastifyHttpProxy, httpProxy } from './node-proxy.ts';
import type { Scenario } from './scenarios.ts';
import { haproxy, nginx } from './servers.ts';
import { THIS_TREE, weir } from './weir.ts';

const NGINX_BUFFERED_BYTES = 36 * 1024;

/** What --only knows; `go` stands for both of it, `nginx` too, `weir` for every Weir. */
export const NAMES = ['weir', 'nginx', 'haproxy', 'go', 'go-stock', 'go-tuned', 'fastify-http-proxy', 'http-proxy'];

export function contenders({ kind, routes, answerBytes }: Scenario): Contender[] {
  const plain = { root: THIS_TREE, routes: 1, policies: false };
  if (kind === 'routes') {
    return [10, routes].map((count) => weir(`weir-${count}-routes`, { ...plain, routes: count }));
  }
  if (kind === 'policies') {
    return [
      weir('weir', plain),
      weir('weir-policies', { ...plain, policies: true }),
      nginx({ policies: true, tuned: false }),
    ];
  }
  const servers = [nginx({ policies: false, tuned: false })];
  // with small answers the two are the same
  if (answerBytes > NGINX_BUFFERED_BYTES) servers.push(nginx({ policies: false, tuned: true }));
  return [weir('weir', plain), ...servers, haproxy, goStock, goTuned, fastifyHttpProxy, httpProxy];
}
