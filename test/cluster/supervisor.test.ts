import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { get } from '../helpers/client.ts';
import { until } from '../helpers/deadline.ts';
import { startGateway } from '../helpers/gateway.ts';
import { startOrigin } from '../helpers/origin.ts';

test('a killed worker gives its slots back within 100 ms, is counted and replaced', async (t) => {
  const origin = await startOrigin();
  t.after(() => origin.close());
  await using gateway = await startGateway({
    workers: 2,
    config: `
listeners: [{ address: 127.0.0.1:0 }]
upstreams: { origin: { endpoints: ['${origin.url}'], max_concurrent_requests: 1 } }
routes: [{ id: all, path_prefix: /, upstream: origin }]
`,
  });
  origin.hold();
  const cut = assert.rejects(get(gateway.url));
  await origin.arrived(1);
  assert.equal((await get(gateway.url)).status, 503, 'the only slot is taken');
  const pids = await gateway.workerPids();
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await cut;
  const killedMs = performance.now();
  await until(5000, 'the slot is back', async () => {
    return (await gateway.metrics()).get('upstream_requests_active{upstream="origin"}') === 0;
  });
  // 100 ms are promised; the rest is what a busy machine takes for a scrape
  assert.ok(performance.now() - killedMs < 1000, `${performance.now() - killedMs} ms`);
  await gateway.stateWhen(
    ({ workers }) =>
      workers.length === 2 && workers.every(({ pid, state }) => state === 'ready' && !pids.includes(pid)),
  );
  origin.release();
  assert.equal((await get(gateway.url)).status, 200, 'the whole capacity is back');
  assert.equal((await gateway.metrics()).get('worker_deaths_total'), 2);
});

test('workers that die at birth are given up with a sentence, exit code 1, and nothing left', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'weir-test-'));
  const config = join(directory, 'gateway.yaml');
  writeFileSync(config, 'listeners: [{ address: 127.0.0.1:0 }]\nadmin: { address: 127.0.0.1:0 }\n');
  const door = fileURLToPath(new URL('./children/dying-door.ts', import.meta.url));
  const flags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...flags, door, 'run', '--config', config, '--workers', '2'], {
    env: { ...process.env, WEIR_RUNTIME_DIR: directory, WEIR_LOG: 'silent' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, 'close', { signal: AbortSignal.timeout(30_000) });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^weir: Workers died 5 times in a row before they were ready \(the last one by exit code 3\), giving up\..*\n$/,
  );
  assert.deepEqual(readdirSync(directory), ['gateway.yaml']);
  rmSync(directory, { recursive: true });
});
