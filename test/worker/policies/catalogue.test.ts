import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POLICY_ORDER } from '../../../src/shared/config/policies.ts';
import { findPolicy, POLICY_NAMES } from '../../../src/worker/policies/catalogue.ts';

test('a policy is found by its name, and no other name finds one', () => {
  for (const name of POLICY_NAMES) assert.equal(findPolicy(name)!.name, name);
  for (const name of ['', 'nothing', 'constructor', '__proto__']) assert.equal(findPolicy(name), null);
});

test('the catalogue and the configuration run policies in the same order', () => {
  assert.deepEqual(
    POLICY_NAMES,
    POLICY_ORDER.filter((name) => POLICY_NAMES.includes(name)),
  );
});
