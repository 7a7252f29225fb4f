// Runs bin/weir as a person would type it, to its end. Used by the tests of the commands.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const WEIR = fileURLToPath(new URL('../../bin/weir', import.meta.url));

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** @param program another path to the same file: a link to it, say */
export async function weir(args: string[], env: NodeJS.ProcessEnv = {}, program: string = WEIR): Promise<Outcome> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  try {
    const [code] = await once(child, 'close', { signal: AbortSignal.timeout(30_000) });
    return { code: code as number | null, ...texts };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}
