// /metrics: everything of shared/metrics.ts, read from the control segment at the moment of the scrape. prom-client is
// the registry and the text format; its own Counter and Histogram classes are not used, since the counts live in shared
// memory and not in this process. Loaded at the first scrape. Called by the admin interface.
import type { Metric, MetricObjectWithValues, MetricValueWithName, Registry } from 'prom-client';
import type { SeriesReading } from '../../shared/memory/series.ts';
import { DURATION_BUCKETS, METRICS, type MetricDefinition, type MetricName } from '../../shared/metrics.ts';
import type { Host } from '../admin/views.ts';
import { gauges, type Sample } from './gauges.ts';

const BOUNDS = [...DURATION_BUCKETS.map(String), '+Inf'];

type Value = MetricValueWithName<string>;

export async function renderMetrics(host: Host): Promise<{ contentType: string; body: string }> {
  const { Registry } = await import('prom-client');
  const registry = new Registry();
  const readings = Map.groupBy(host.segment.readSeries(), (reading) => reading.name);
  const gaugeSamples = gauges(host);
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const definition: MetricDefinition = METRICS[name];
    const values =
      definition.type === 'gauge'
        ? (gaugeSamples.get(name) ?? []).map((sample) => gaugeValue(name, definition, sample))
        : (readings.get(name) ?? []).flatMap((reading) => seriesValues(name, definition, reading));
    register(registry, name, definition, values);
  }
  return { contentType: registry.contentType, body: await registry.metrics() };
}

/** The registry asks a metric for its values by `get()`, and for nothing else. */
function register(registry: Registry, name: string, { help, type }: MetricDefinition, values: Value[]): void {
  const object = { name, help, type, values, aggregator: 'sum' } as unknown as MetricObjectWithValues<Value>;
  registry.registerMetric({ name, get: async () => object } as unknown as Metric);
}

function gaugeValue(name: string, definition: MetricDefinition, [labels, value]: Sample): Value {
  return { metricName: name, labels: labelled(definition, labels), value };
}

function seriesValues(name: string, definition: MetricDefinition, { labels, values }: SeriesReading): Value[] {
  const named = labelled(definition, labels);
  if (definition.type === 'counter') return [{ metricName: name, labels: named, value: values[0] ?? 0 }];
  // cells hold each bucket on its own, the text format wants them added up
  let count = 0;
  const buckets = BOUNDS.map((le, index) => {
    count += values[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...named, le }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: named, value: values[BOUNDS.length] ?? 0 },
    { metricName: `${name}_count`, labels: named, value: count },
  ];
}

function labelled(definition: MetricDefinition, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(definition.labels.map((label, index) => [label, values[index] ?? '']));
}
