// What every verb of `weir` has in common: its shape, its exit codes, its options. main.ts calls the commands, each
// command calls parseOptions and throws OperatorError for what the person at the keyboard can mend.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { OperatorError } from '../shared/errors.ts';

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
/** EX_CONFIG of sysexits.h: the configuration is at fault */
export const EXIT_CONFIG = 78;

/** Where a command reads and writes; a test hands in its own. */
export interface Io {
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown };
  env: NodeJS.ProcessEnv;
  /** ANSI colours are wanted on stdout and stderr (a terminal, and no NO_COLOR) */
  colour: boolean;
}

export interface Command {
  readonly name: string;
  /** one line for the table of `weir --help` */
  readonly summary: string;
  /** the whole text of `weir NAME --help` */
  readonly usage: string;
  /** @returns the exit code. Throws OperatorError for faults that the caller can mend. */
  run(args: string[], io: Io): number | Promise<number>;
}

/** `util.parseArgs` in strict mode; what it refuses becomes an OperatorError with exit code 2. */
export function parseOptions<const T extends ParseArgsConfig>(
  args: string[],
  config: T,
  command: string,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs<T>({ ...config, args, strict: true });
  } catch (error) {
    // Node's sentence goes on with advice on `--`, which helps nobody here
    const [sentence] = (error as Error).message.split(/\. To specify|; to specify/i);
    throw usageError(`${sentence}.`.replace(/\.\.$/, '.'), command);
  }
}

/** A wrong call, exit code 2, with the way to the right one. */
export function usageError(sentence: string, command: string): OperatorError {
  return new OperatorError(`${sentence} See 'weir ${command} --help'.`, EXIT_USAGE);
}
