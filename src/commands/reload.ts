// `weir reload`: makes the running gateway read its config again, and says what came of it.
import { type Fault, formatFault } from '../shared/config/fault.ts';
import { OperatorError } from '../shared/errors.ts';
import { ask, CLIENT_OPTIONS, CLIENT_USAGE, findAdmin } from './client.ts';
import { EXIT_FAILED, EXIT_OK, type Io, parseOptions } from './command.ts';
import { table } from './table.ts';

export const name = 'reload';
export const summary = 'makes the running gateway read its config again';
export const usage = `Usage: weir reload [--wait] [--admin URL | --config FILE] [--json]

Makes the running gateway read its config again. Either every worker takes the new one, or all stay with the old one
and the faults are printed; then the exit code is 1.

  --wait          say also how long each worker took
${CLIENT_USAGE}
`;

interface Result {
  ok: boolean;
  epoch: number;
  hash: string | null;
  tookMs: number;
  reason: string | null;
  faults: Fault[];
  warnings: Fault[];
  workers: { row: number; pid: number; tookMs: number }[];
}

export async function run(args: string[], io: Io): Promise<number> {
  const options = { ...CLIENT_OPTIONS, wait: { type: 'boolean', default: false } } as const;
  const { values } = parseOptions(args, { options }, name);
  const admin = findAdmin(values, io, name);
  const { status, body } = await ask(admin, 'POST', '/-/reload');
  if (!isResult(body)) {
    const { detail } = body as { detail?: string };
    throw new OperatorError(`${admin.url.origin} answers ${status}: ${detail ?? JSON.stringify(body)}`);
  }
  if (values.json) io.stdout.write(`${JSON.stringify(body)}\n`);
  else print(body, values.wait, io);
  return body.ok ? EXIT_OK : EXIT_FAILED;
}

function print(result: Result, perWorker: boolean, io: Io): void {
  const { ok, epoch, hash, tookMs, reason, faults, warnings, workers } = result;
  for (const fault of [...warnings, ...faults]) io.stderr.write(`${formatFault(fault, io.colour)}\n`);
  if (!ok) {
    io.stderr.write(`weir: not reloaded, epoch ${epoch} stays in force: ${reason}\n`);
    return;
  }
  io.stdout.write(`reloaded: epoch ${epoch}, config ${hash}, ${tookMs} ms\n`);
  if (!perWorker) return;
  const rows = workers.map(({ row, pid, tookMs }) => [String(row), String(pid), `${tookMs.toFixed(1)} ms`]);
  io.stdout.write(table([['worker', 'pid', 'built in'], ...rows]));
}

function isResult(body: unknown): body is Result {
  return typeof body === 'object' && body !== null && 'ok' in body && 'workers' in body;
}
