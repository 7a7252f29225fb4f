// An address of this host that never accepts: the kernel's queue of a listener that does not run is full, so further
// connection attempts get no answer. Used by stories about connect_timeout.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { within } from '../helpers/deadline.ts';

const LISTEN_AND_STALL = `
  require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    require('node:fs').writeSync(1, this.address().port + '\\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

export interface BlackHole extends AsyncDisposable {
  url: string;
}

export async function startBlackHole(): Promise<BlackHole> {
  const child = spawn(process.execPath, ['-e', LISTEN_AND_STALL], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await within(5000, once(child.stdout, 'data'), 'the port of the black hole')) as [Buffer];
  const port = Number(line.toString());
  const fillers: Socket[] = [];
  // the queue holds one more than its backlog says; the attempt after that tells that it is full by not succeeding
  for (let full = false; !full && fillers.length < 10; ) {
    const filler = connect({ port, host: '127.0.0.1' });
    filler.on('error', () => {});
    fillers.push(filler);
    full = await within(200, once(filler, 'connect'), 'a connection').then(
      () => false,
      () => true,
    );
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
