// Drives wrk and reads what it says. One thread: on a small machine a second one would only take from the contender.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Load {
  method: string;
  headers: Record<string, string>;
  /** bytes of request body */
  bodyBytes: number;
  /** walk over this many `/service-NNNNN/items/N` instead of the URL's path; 0 = the URL as it is */
  routes: number;
  connections: number;
  seconds: number;
}

export interface Driven {
  requests: number;
  durationUs: number;
  bytes: number;
  p50Us: number;
  p99Us: number;
  maxUs: number;
  /** `status` counts answers of 400 and above */
  errors: { connect: number; read: number; write: number; timeout: number; status: number };
}

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url));
const run = promisify(execFile);

/** Rejects when wrk cannot be run or says nothing that can be read; errors of the load itself are in the result. */
export async function drive(url: string, load: Load): Promise<Driven> {
  const headers = Object.entries(load.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const { stdout } = await run(
    'wrk',
    [
      ...['-t1', `-c${load.connections}`, `-d${load.seconds}s`, '--timeout', '5s', ...headers, '-s', SCRIPT, url],
      ...['--', load.method, String(load.bodyBytes), String(load.routes)],
    ],
    { timeout: (load.seconds + 20) * 1000, killSignal: 'SIGKILL' },
  );
  const line = stdout.split('\n').find((text) => text.startsWith('JSON '));
  if (line === undefined) throw new Error(`wrk said nothing that can be read: ${stdout}`);
  return JSON.parse(line.slice(5)) as Driven;
}

/** In one phrase, or null where all went well. */
export function troubles(driven: Driven): string | null {
  const { connect, read, write, timeout, status } = driven.errors;
  const parts: string[] = [];
  if (status > 0) parts.push(`${status} answers of 400 or above`);
  if (connect + read + write > 0) parts.push(`socket errors: ${connect} connect, ${read} read, ${write} write`);
  if (timeout > 0) parts.push(`${timeout} timeouts`);
  if (driven.requests === 0) parts.push('no request was answered');
  return parts.length === 0 ? null : parts.join('; ');
}
