import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyPlan, Supervised } from './supervised.ts';

test('a plan comes into force in all workers at once', async () => {
  await using supervised = new Supervised('ok');
  const { segment, publication, supervisor } = supervised;
  supervisor.start(2);
  await supervised.when('ready', 2);
  const published = await publication.publish(emptyPlan(2));
  assert.ok(published.ok);
  assert.deepEqual(published.workers.map(({ row }) => row).sort(), [1, 2]);
  assert.equal(segment.epoch(), 2);
  assert.equal(publication.inForce.head.epoch, 2);
});

test('one refusal leaves the old plan in force everywhere, with the reason', async () => {
  await using supervised = new Supervised('refuses-second');
  const { segment, publication, supervisor } = supervised;
  supervisor.start(2);
  await supervised.when('ready', 2);
  const published = await publication.publish(emptyPlan(2));
  assert.ok(!published.ok);
  assert.match(published.reason, /^worker [12] refused the plan: it does not like the plan$/);
  assert.equal(segment.epoch(), 1);
  assert.equal(publication.inForce.head.epoch, 1);
  assert.equal(supervised.count('gone'), 0, 'the workers go on');
});

test('a worker that does not answer in time counts as a refusal', async () => {
  await using supervised = new Supervised('silent-second', {}, 200);
  const { segment, publication, supervisor } = supervised;
  supervisor.start(1);
  await supervised.when('ready');
  const published = await publication.publish(emptyPlan(2));
  assert.ok(!published.ok);
  assert.equal(published.reason, 'worker 1 did not build the plan within 200 ms');
  assert.equal(segment.epoch(), 1);
});

test('a worker that dies during the round is not waited for, and its successor gets the new plan', async () => {
  await using supervised = new Supervised('silent-second');
  const { segment, publication, supervisor } = supervised;
  supervisor.start(1);
  await supervised.when('ready');
  const publishing = publication.publish(emptyPlan(2));
  const [pid] = supervised.pids();
  process.kill(pid as number, 'SIGKILL');
  assert.deepEqual(await publishing, { ok: true, workers: [] });
  await supervised.when('ready', 2);
  assert.equal(segment.slots.epochBuilt(1), 2);
});

test('a worker that cannot take the plan in force is replaced, and the reason is told', async () => {
  await using supervised = new Supervised('refuses');
  supervised.supervisor.start(1);
  assert.equal((await supervised.when('refused')).text, 'it does not like the plan');
  await supervised.when('gone');
});
