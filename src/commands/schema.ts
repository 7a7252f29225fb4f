// `weir schema`: the JSON Schema of the configuration, for editors. config/gateway.schema.json is its output.
import { jsonSchema } from '../shared/config/json-schema.ts';
import { EXIT_OK, type Io, parseOptions } from './command.ts';

export const name = 'schema';
export const summary = 'the JSON Schema of the config';
export const usage = `Usage: weir schema

Prints the JSON Schema of the configuration. An editor with a YAML language server completes and checks a file that
begins with:

  # yaml-language-server: $schema=./gateway.schema.json

Exit codes: 0, 2 wrong usage.
`;

export async function run(args: string[], io: Io): Promise<number> {
  // --json is taken because every command with a machine's answer has it; the answer is JSON anyway
  parseOptions(args, { options: { json: { type: 'boolean' } } }, name);
  io.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
  return EXIT_OK;
}
