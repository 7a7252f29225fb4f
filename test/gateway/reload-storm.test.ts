import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { portHolder } from '../../src/primary/reload/port-holder.ts';
import { get } from '../helpers/client.ts';
import { until } from '../helpers/deadline.ts';
import { startGateway } from '../helpers/gateway.ts';

const INSPECTOR_PORT = 9229;

const CONFIG = `
listeners: [{ address: 127.0.0.1:0 }]
routes: [{ id: answer, path: /answer, policies: { respond: { body: here } } }]
`;

test('a storm of SIGUSR1 opens no inspector and ends no process', async () => {
  await using gateway = await startGateway({ config: CONFIG, workers: 2 });
  const workers = await gateway.workerPids();
  const everybody = [gateway.pid, ...workers];
  for (let signal = 0; signal < 200; signal++) for (const pid of everybody) process.kill(pid, 'SIGUSR1');
  await gateway.stateWhen(({ reload }) => reload !== null);
  // one more after the storm proves that the primary still listens to it
  const { epoch } = await gateway.state();
  gateway.child.kill('SIGUSR1');
  await gateway.stateWhen((state) => state.epoch > epoch);
  assert.deepEqual(await gateway.workerPids(), workers, 'no worker died');
  assert.equal((await get(`${gateway.url}/answer`)).text, 'here');
  assert.doesNotMatch(gateway.stderr(), /Debugger listening/);
  assert.equal(everybody.includes((await portHolder(INSPECTOR_PORT)) ?? 0), false);
});

test('signals from the first moment on neither end the gateway nor get lost', async () => {
  let storm: NodeJS.Timeout | undefined;
  let sent = 0;
  await using gateway = await startGateway({
    config: CONFIG,
    onSpawn: (child) => {
      // from the moment that the shell has become Node; before, it is the shell's business
      void until(10_000, 'exec', () => readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').includes('main.ts'), 1).then(
        () => {
          storm = setInterval(() => {
            sent++;
            child.kill('SIGUSR1');
          }, 2);
        },
      );
    },
  });
  clearInterval(storm);
  assert.ok(sent > 10);
  const { reload } = await gateway.stateWhen((state) => state.reload !== null);
  assert.equal(reload?.source, 'SIGUSR1');
  assert.doesNotMatch(gateway.stderr(), /Debugger listening/);
});
