// `weir drain`: lets the running gateway finish what is in flight and exit, like SIGTERM does.
import { askOk, CLIENT_OPTIONS, CLIENT_USAGE, findAdmin } from './client.ts';
import { EXIT_OK, type Io, parseOptions } from './command.ts';

export const name = 'drain';
export const summary = 'lets the running gateway finish and exit';
export const usage = `Usage: weir drain [--admin URL | --config FILE] [--json]

The gateway stops accepting connections, answers what is in flight (at most 30 s), and exits. /readyz says 503 meanwhile.

${CLIENT_USAGE}
`;

export async function run(args: string[], io: Io): Promise<number> {
  const { values } = parseOptions(args, { options: CLIENT_OPTIONS }, name);
  const answer = await askOk(findAdmin(values, io, name), 'POST', '/-/drain');
  io.stdout.write(values.json ? `${JSON.stringify(answer)}\n` : 'draining\n');
  return EXIT_OK;
}
