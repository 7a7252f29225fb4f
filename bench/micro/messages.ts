// A plan's routes as they travel from the primary to a worker, by the part. Run: node bench/micro/messages.ts
import { packRoutes, unpackRoutes } from '../../src/shared/messages.ts';
import { ROUTES_PER_PART, type RoutePlan } from '../../src/shared/plan.ts';
import { measure, present, sink } from './harness.ts';

function plan(index: number): RoutePlan {
  return {
    id: `service-${index}`,
    tier: index,
    hosts: ['api.example.com'],
    pathKind: 'template',
    path: `/service-${index}/items/{id}`,
    methods: ['GET', 'PUT'],
    headers: [],
    query: [],
    priority: 0,
    targets: [{ upstream: index % 7, weight: 1 }],
    timeoutMs: 30_000,
    policies: [{ name: 'rewrite', options: { prefix: '/' } }],
    allowEncodedSlashes: false,
  };
}

const part = Array.from({ length: ROUTES_PER_PART }, (_, index) => plan(index));
const packed = packRoutes(part);

await present(import.meta.url, () =>
  [
    {
      name: `packRoutes, ${part.length} routes`,
      run(times: number) {
        for (let i = 0; i < times; i++) sink.value = packRoutes(part);
      },
    },
    {
      name: `unpackRoutes, ${part.length} routes, ${packed.length} bytes`,
      run(times: number) {
        for (let i = 0; i < times; i++) sink.value = unpackRoutes(packed);
      },
    },
  ].map(measure),
);
