// `weir status`: what the running gateway is doing, on one screen.
import { askOk, CLIENT_OPTIONS, CLIENT_USAGE, findAdmin } from './client.ts';
import { EXIT_OK, type Io, parseOptions } from './command.ts';
import { table } from './table.ts';

export const name = 'status';
export const summary = 'what the running gateway is doing';
export const usage = `Usage: weir status [--admin URL | --config FILE] [--json]

Workers, upstreams and the last reload of the running gateway.

${CLIENT_USAGE}
`;

interface State {
  version: string;
  pid: number;
  epoch: number;
  hash: string;
  uptimeSeconds: number;
  draining: boolean;
  routes: number;
  workers: {
    row: number;
    pid: number;
    state: string;
    epochBuilt: number;
    heartbeatAgeMs: number | null;
    lagMs: number;
  }[];
  orphans: number[];
  reload: { ok: boolean; tookMs: number; source: string; at: number; reason: string | null } | null;
}

interface UpstreamState {
  name: string;
  inFlight: number;
  maxConcurrentRequests: number;
  queued: number;
  endpoints: unknown[];
}

export async function run(args: string[], io: Io): Promise<number> {
  const { values } = parseOptions(args, { options: CLIENT_OPTIONS }, name);
  const admin = findAdmin(values, io, name);
  const state = (await askOk(admin, 'GET', '/api/state')) as State;
  const upstreams = (await askOk(admin, 'GET', '/api/upstreams')) as UpstreamState[];
  if (values.json) io.stdout.write(`${JSON.stringify({ ...state, upstreams })}\n`);
  else io.stdout.write([headline(state), workers(state), upstreamTable(upstreams)].filter(Boolean).join('\n'));
  return EXIT_OK;
}

function headline({ version, pid, epoch, hash, uptimeSeconds, draining, routes, orphans, reload }: State): string {
  const condition = draining ? 'draining' : 'running';
  const lines = [
    `weir ${version} ${condition}, pid ${pid}, up ${uptimeSeconds} s, epoch ${epoch}, config ${hash}, ${routes} routes`,
  ];
  if (orphans.length > 0) lines.push(`workers of an earlier gateway still finishing: ${orphans.join(', ')}`);
  if (reload) {
    const how = reload.ok ? 'succeeded' : `refused: ${reload.reason}`;
    lines.push(`last reload at ${new Date(reload.at).toISOString()} by ${reload.source}, ${reload.tookMs} ms, ${how}`);
  }
  return `${lines.join('\n')}\n`;
}

function workers(state: State): string {
  const rows = state.workers.map(({ row, pid, state, epochBuilt, lagMs, heartbeatAgeMs }) => [
    String(row),
    String(pid),
    state,
    String(epochBuilt),
    `${lagMs} ms`,
    heartbeatAgeMs === null ? '-' : `${heartbeatAgeMs} ms ago`,
  ]);
  return table([['worker', 'pid', 'state', 'epoch', 'lag', 'last beat'], ...rows]);
}

function upstreamTable(upstreams: UpstreamState[]): string {
  if (upstreams.length === 0) return '';
  const rows = upstreams.map(({ name, inFlight, maxConcurrentRequests, queued, endpoints }) => [
    name,
    String(inFlight),
    maxConcurrentRequests === 0 ? 'none' : String(maxConcurrentRequests),
    String(queued),
    String(endpoints.length),
  ]);
  return table([['upstream', 'in flight', 'cap', 'queued', 'endpoints'], ...rows]);
}
