import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Addresses } from '../../src/primary/reload/addresses.ts';
import type { LoadOutcome } from '../../src/primary/reload/plan-loader.ts';
import { Publication, type WorkersPort } from '../../src/primary/reload/publication.ts';
import { Reloader } from '../../src/primary/reload/reloader.ts';
import { OperatorError } from '../../src/shared/errors.ts';
import { shapeFor } from '../../src/shared/memory/layout.ts';
import { Segment } from '../../src/shared/memory/segment.ts';
import { emptyPlan } from './supervised.ts';

const NO_WORKERS: WorkersPort = { workers: () => [], send: () => {}, kill: () => {} };

/** A reloader whose loads end when the test says so. */
function held() {
  const segment = Segment.inProcess(shapeFor(1, 1, 1));
  const log = pino({ level: 'silent' });
  const loads: PromiseWithResolvers<LoadOutcome>[] = [];
  const reloader = new Reloader({
    file: 'gateway.yaml',
    segment,
    addresses: new Addresses(),
    publication: new Publication(segment, NO_WORKERS, log, emptyPlan(1)),
    load: () => {
      const load = Promise.withResolvers<LoadOutcome>();
      loads.push(load);
      return load.promise;
    },
    log,
    ownPids: () => new Set(),
    orphaned: () => false,
    onPlan: () => {},
  });
  return { segment, reloader, loads };
}

function good(): LoadOutcome {
  const { head } = emptyPlan(0);
  const admin = { host: '127.0.0.1', port: 0, token: null };
  const plan = {
    head,
    parts: [],
    admin,
    workers: 1,
    warnings: [],
    source: { file: 'x', text: '' },
    configJson: async () => '{}',
  };
  return { ok: true, plan };
}

test('one reload at a time, and all that is asked for meanwhile is one more', async () => {
  const { segment, reloader, loads } = held();
  const first = reloader.request('SIGUSR1');
  const during = Array.from({ length: 50 }, () => reloader.request('admin'));
  assert.equal(loads.length, 1);
  loads[0]?.resolve(good());
  assert.equal((await first).epoch, 2);
  // the second begins by itself, and only then reads the file: what was written before the request is in it
  loads[1]?.resolve(good());
  const results = await Promise.all(during);
  assert.equal(new Set(results).size, 1);
  assert.equal(results[0]?.epoch, 3);
  assert.equal(loads.length, 2);
  assert.equal(segment.epoch(), 3);
  assert.equal(reloader.last, results[0]);
  reloader.close();
});

test('faults leave the epoch, and the next reload is not held up by them', async () => {
  const { segment, reloader, loads } = held();
  const refused = reloader.request('SIGHUP');
  const fault = {
    severity: 'error' as const,
    file: 'gateway.yaml',
    line: 3,
    col: 5,
    path: 'routes[0]',
    message: 'has no path.',
    hint: null,
    excerpt: '',
    caret: 0,
  };
  loads[0]?.resolve({ ok: false, faults: [fault], warnings: [] });
  const result = await refused;
  assert.equal(result.ok, false);
  assert.equal(result.reason, 'gateway.yaml:3:5: routes[0]: has no path.');
  assert.equal(segment.epoch(), 1);
  const broken = reloader.request('SIGHUP');
  loads[1]?.reject(new OperatorError('The disk is gone.'));
  assert.equal((await broken).reason, 'The disk is gone.');
  const fine = reloader.request('SIGHUP');
  loads[2]?.resolve(good());
  assert.ok((await fine).ok);
  assert.equal(segment.epoch(), 2);
  reloader.close();
});
