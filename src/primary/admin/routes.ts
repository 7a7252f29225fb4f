// The table of what the admin interface answers: path → method → handler. GET never changes anything. The server
// (server.ts) has let the request in already.
import type { ServerResponse } from 'node:http';
import { renderMetrics } from '../metrics/rendering.ts';
import type { ReloadResult } from '../reload/reloader.ts';
import { send, sendJson } from './problem.ts';
import { type Host, routesView, stateView, upstreamsView } from './views.ts';

/** What an operator may ask of the primary. */
export interface Control {
  reload(source: string): Promise<ReloadResult>;
  drain(): void;
}

export type Handler = (response: ServerResponse) => void | Promise<void>;

export interface AdminRoute {
  GET?: Handler;
  POST?: Handler;
}

export function adminRoutes(host: Host, control: Control): Map<string, AdminRoute> {
  return new Map<string, AdminRoute>([
    ['/livez', { GET: (response) => text(response, 200, 'ok') }],
    ['/readyz', { GET: (response) => readyz(response, host) }],
    ['/metrics', { GET: (response) => metrics(response, host) }],
    ['/api/state', { GET: (response) => sendJson(response, 200, stateView(host)) }],
    ['/api/routes', { GET: (response) => sendJson(response, 200, routesView(host.plan())) }],
    ['/api/upstreams', { GET: (response) => sendJson(response, 200, upstreamsView(host)) }],
    ['/api/config', { GET: (response) => config(response, host) }],
    ['/-/reload', { POST: (response) => reload(response, control) }],
    ['/-/drain', { POST: (response) => drain(response, control) }],
  ]);
}

function readyz(response: ServerResponse, host: Host): void {
  if (host.draining()) return text(response, 503, 'draining');
  if (!host.workers().some(({ state }) => state === 'ready')) return text(response, 503, 'no worker is ready');
  text(response, 200, 'ok');
}

async function config(response: ServerResponse, host: Host): Promise<void> {
  send(response, 200, 'application/json', `${await host.plan().configJson()}\n`);
}

async function metrics(response: ServerResponse, host: Host): Promise<void> {
  const { contentType, body } = await renderMetrics(host);
  send(response, 200, contentType, body);
}

async function reload(response: ServerResponse, control: Control): Promise<void> {
  const result = await control.reload('admin');
  // 422: the config itself is at fault; 409: the host could not take it
  const status = result.ok ? 200 : result.faults.length > 0 ? 422 : 409;
  sendJson(response, status, result);
}

function drain(response: ServerResponse, control: Control): void {
  sendJson(response, 202, { draining: true });
  control.drain();
}

function text(response: ServerResponse, status: number, body: string): void {
  send(response, status, 'text/plain; charset=utf-8', `${body}\n`);
}
