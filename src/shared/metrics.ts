// The one table of metric names, types, labels and help texts. Workers count into the segment's series by these names,
// the primary renders them. Names and labels are public: CONTRACT of the project, docs/metrics.md.

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
}

/** Upper bounds in seconds. 2 s and 5 s are visible because the usual deadlines lie there. */
export const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10] as const;

export const METRICS = {
  http_requests_active: { type: 'gauge', help: 'Requests in flight on this host.', labels: [] },
  http_requests_total: {
    type: 'counter',
    help: 'Requests answered, by route, method and status. 499: the client left before the answer.',
    labels: ['route', 'method', 'status'],
  },
  http_request_failures_total: {
    type: 'counter',
    help: 'Requests that Weir itself answered or cut, by route and reason.',
    labels: ['route', 'reason'],
  },
  http_request_duration_seconds: {
    type: 'histogram',
    help: 'From the parsed request head to the last byte of the answer.',
    labels: ['route'],
  },
  upstream_request_duration_seconds: {
    type: 'histogram',
    help: 'From dispatch to the last byte of the upstream answer, per attempt.',
    labels: ['upstream'],
  },
  upstream_requests_active: { type: 'gauge', help: 'Requests in flight to the upstream.', labels: ['upstream'] },
  upstream_requests_queued: { type: 'gauge', help: 'Requests waiting for a slot.', labels: ['upstream'] },
  upstream_connection_saturation_ratio: {
    type: 'gauge',
    help: 'Requests in flight over max_concurrent_requests; 0 where there is no cap.',
    labels: ['upstream'],
  },
  upstream_retries_total: {
    type: 'counter',
    help: 'Further attempts after a failed one, by the reason of the failure.',
    labels: ['upstream', 'reason'],
  },
  connections_active: { type: 'gauge', help: 'Client connections open on this host.', labels: [] },
  config_epoch: { type: 'gauge', help: 'The plan in force; counts up with each successful reload.', labels: [] },
  config_reload_total: { type: 'counter', help: 'Reloads by result.', labels: ['result'] },
  worker_event_loop_lag_seconds: {
    type: 'gauge',
    help: 'Worst delay of the event loop over the last second.',
    labels: ['worker'],
  },
  worker_up: { type: 'gauge', help: '1 while the worker in this slot serves.', labels: ['worker'] },
  worker_deaths_total: { type: 'counter', help: 'Workers that ended without being asked to.', labels: [] },
  series_overflow_total: {
    type: 'counter',
    help: 'Label sets that found no room in the segment: what they count goes to the overflow series.',
    labels: [],
  },
  build_info: { type: 'gauge', help: 'Always 1; the labels say what is running.', labels: ['version', 'node'] },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;

/** Label value that stands for every route once the segment is full. */
export const OVERFLOW_LABEL = 'overflow';
/** Label value of requests that no route took. */
export const NO_ROUTE_LABEL = 'none';
