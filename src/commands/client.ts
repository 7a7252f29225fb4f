// The way from the command line to the running gateway: finds its admin interface, asks, and says in one sentence why
// there is no answer. Used by reload, status and drain.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { adminSchema, splitAddress } from '../shared/config/listeners.ts';
import { loadConfigFile } from '../shared/config/load.ts';
import { OperatorError } from '../shared/errors.ts';
import { type Io, usageError } from './command.ts';

export interface Admin {
  url: URL;
  token: string | null;
}

export interface Answer {
  status: number;
  /** the parsed JSON */
  body: unknown;
}

/** Options that each of the client commands has, for parseOptions. */
export const CLIENT_OPTIONS = {
  admin: { type: 'string' },
  config: { type: 'string', default: 'config/gateway.yaml' },
  json: { type: 'boolean', default: false },
} as const;

export const CLIENT_USAGE = `  --admin URL     the admin interface, such as http://127.0.0.1:9901
  --config FILE   or the config that says where it is (default config/gateway.yaml)
  --json          the answer as JSON

Where writes need a token, it is taken from WEIR_TOKEN, or from the config.`;

/** Asking again with a 10,000-route config under load stays far below. */
const ANSWER_TIMEOUT_MS = 60_000;

/** @throws OperatorError when neither a URL nor a config says where to ask */
export function findAdmin(options: { admin?: string | undefined; config: string }, io: Io, command: string): Admin {
  const tokenOfEnv = io.env['WEIR_TOKEN'] || null;
  if (options.admin !== undefined) {
    const text = options.admin.includes('://') ? options.admin : `http://${options.admin}`;
    if (!URL.canParse(text)) throw usageError(`--admin ${options.admin} is no URL.`, command);
    return { url: new URL(text), token: tokenOfEnv };
  }
  const { address, token } = adminOf(options.config, io.env);
  const { host, port } = splitAddress(address);
  if (port === 0) {
    throw usageError(`${options.config} leaves the admin port to the system (port 0): name it with --admin.`, command);
  }
  return { url: new URL(`http://${reachable(host)}:${port}`), token: tokenOfEnv ?? token ?? null };
}

/** @throws OperatorError when nobody answers, or with something else than JSON */
export async function ask(admin: Admin, method: 'GET' | 'POST', path: string): Promise<Answer> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (admin.token !== null) headers['authorization'] = `Bearer ${admin.token}`;
  let response: Response;
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    response = await fetch(new URL(path, admin.url), { method, headers, signal });
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
    const why = cause?.code ?? cause?.message ?? message;
    throw new OperatorError(
      `No gateway answers at ${admin.url.origin} (${why}). Start one with 'weir run', or say where it is with --admin or --config.`,
    );
  }
  const text = await response.text();
  try {
    return { status: response.status, body: JSON.parse(text) };
  } catch {
    throw new OperatorError(`What answers at ${admin.url.origin} is no Weir (status ${response.status}, not JSON).`);
  }
}

/** `ask`, and anything but a success is an OperatorError with the gateway's own words. */
export async function askOk(admin: Admin, method: 'GET' | 'POST', path: string): Promise<unknown> {
  const { status, body } = await ask(admin, method, path);
  if (status < 300) return body;
  const { detail } = body as { detail?: string };
  throw new OperatorError(`${admin.url.origin} answers ${status}: ${detail ?? JSON.stringify(body)}`);
}

/** A config with faults still says where the gateway is: it runs on the one before. */
function adminOf(file: string, env: NodeJS.ProcessEnv): { address: string; token?: string | undefined } {
  const loaded = loadConfigFile(file, env);
  if (loaded.ok) return loaded.config.admin;
  try {
    const raw = parse(readFileSync(file, 'utf8')) as { admin?: unknown } | null;
    return adminSchema.parse(raw?.admin ?? {});
  } catch {
    throw new OperatorError(
      `${file} does not say where the gateway is (${loaded.faults[0]?.message ?? 'unreadable'}): name it with --admin.`,
    );
  }
}

/** An address to listen on is not always one to call. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
