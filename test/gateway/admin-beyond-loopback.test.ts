import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../helpers/client.ts';
import { startGateway } from '../helpers/gateway.ts';

test('beyond loopback a write needs the token, and an address is a name that cannot be rebound', async () => {
  await using gateway = await startGateway({
    config: `
listeners: [{ address: 127.0.0.1:0 }]
admin: { address: 0.0.0.0:0, token: "\${ADMIN_TOKEN}" }
routes: []
`,
    env: { ADMIN_TOKEN: 'from-the-environment' },
  });
  const { port } = new URL(gateway.adminUrl);
  const url = `http://127.0.0.1:${port}`;
  assert.equal((await get(`${url}/livez`, { headers: { host: '192.0.2.7:9901' } })).status, 200);
  assert.equal((await get(`${url}/livez`, { headers: { host: 'evil.example' } })).status, 403);
  assert.equal((await get(`${url}/-/reload`, { method: 'POST' })).status, 401);
  const headers = { authorization: 'Bearer from-the-environment' };
  assert.equal((await get(`${url}/-/reload`, { method: 'POST', headers })).status, 200);
});

test('POST /-/drain ends the gateway in order', async () => {
  await using gateway = await startGateway({ config: 'listeners: [{ address: 127.0.0.1:0 }]\n' });
  const answer = await gateway.admin('/-/drain', { method: 'POST' });
  assert.equal(answer.status, 202);
  assert.deepEqual(await answer.json(), { draining: true });
  assert.equal(await gateway.exit(), 0);
});
