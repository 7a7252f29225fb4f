// What a gateway must look like once all clients are gone. Used at the end of stories, whatever happened in them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { until } from '../helpers/deadline.ts';
import type { Gateway } from '../helpers/gateway.ts';

/** Waits until every gauge that counts something held is 0; fails with those that are not. */
export async function atRest(gateway: Gateway, ms = 5000): Promise<Map<string, number>> {
  return until(
    ms,
    'a gateway at rest',
    async () => {
      const metrics = await gateway.metrics();
      const held = [...metrics].filter(
        ([name, value]) =>
          value !== 0 &&
          /^(http_requests_active|connections_active|upstream_requests_(active|queued)|upstream_connection_saturation_ratio)\b/.test(
            name,
          ),
      );
      assert.deepEqual(held, []);
      return metrics;
    },
    20,
  );
}

/** The sum of a metric's samples whose labels include all of `labels` (`status="200"`). */
export function total(metrics: Map<string, number>, name: string, ...labels: string[]): number {
  let sum = 0;
  for (const [sample, value] of metrics) {
    if ((sample === name || sample.startsWith(`${name}{`)) && labels.every((label) => sample.includes(label)))
      sum += value;
  }
  return sum;
}

export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  assert.ok(line, `process ${pid} has no resident size`);
  return Number(line[1]) * 1024;
}

export function portOf(gateway: Gateway): number {
  return Number(new URL(gateway.url).port);
}
