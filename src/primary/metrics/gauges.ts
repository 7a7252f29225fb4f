// What stands rather than counts: read off the ledger, the slots and the plan at the moment of the scrape.
// Called by rendering.ts.
import { ITEM_CONNECTIONS, ITEM_REQUESTS } from '../../shared/memory/layout.ts';
import type { MetricName } from '../../shared/metrics.ts';
import { type Host, saturation } from '../admin/views.ts';

/** Label values in the order of the metric's labels, then the value. */
export type Sample = [labels: readonly string[], value: number];

export function gauges(host: Host): Map<MetricName, Sample[]> {
  const { segment } = host;
  const upstreams = host.plan().head.upstreams;
  const workers = host.workers();
  return new Map<MetricName, Sample[]>([
    ['http_requests_active', [[[], segment.ledgerSum(ITEM_REQUESTS)]]],
    ['connections_active', [[[], segment.ledgerSum(ITEM_CONNECTIONS)]]],
    ['upstream_requests_active', upstreams.map(({ name, item }) => [[name], segment.ledgerSum(item)])],
    ['upstream_requests_queued', upstreams.map(({ name, waitingItem }) => [[name], segment.ledgerSum(waitingItem)])],
    [
      'upstream_connection_saturation_ratio',
      upstreams.map(({ name, item, maxConcurrentRequests }) => [
        [name],
        saturation(segment.ledgerSum(item), maxConcurrentRequests),
      ]),
    ],
    ['config_epoch', [[[], segment.epoch()]]],
    ['worker_event_loop_lag_seconds', workers.map(({ row }) => [[String(row)], segment.slots.lagMs(row) / 1000])],
    ['worker_up', workers.map(({ row, state }) => [[String(row)], state === 'ready' ? 1 : 0])],
    ['build_info', [[[host.version, process.version], 1]]],
  ]);
}
