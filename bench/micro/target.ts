// What one request pays before it is routed: the target, the Host field, and the ids that are minted for it.
// Run: node bench/micro/target.ts
import { TrustedProxies } from '../../src/worker/proxy/forwarded.ts';
import { requestId } from '../../src/worker/proxy/request-id.ts';
import { continueTrace } from '../../src/worker/proxy/trace-context.ts';
import { readHost } from '../../src/worker/route/host.ts';
import { readTarget, Target } from '../../src/worker/route/target.ts';
import { type Bench, fresh, measure, present, sink } from './harness.ts';

const target = new Target();
const proxies = new TrustedProxies(['10.0.0.0/8']);

function over(name: string, inputs: readonly string[], step: (input: string) => unknown): Bench {
  return {
    name,
    run(times) {
      for (let i = 0; i < times; i++) sink.value = step(inputs[i % inputs.length] as string);
    },
  };
}

const TARGETS = [
  '/users/42',
  '/users/42?x=1',
  '/api/v1/organisations/1234/projects/5678/builds?page=2&per_page=50&sort=created',
  '/.well-known/openid-configuration',
  '/a/%7euser/./b/../c',
  'http://api.example.com/users/42',
];
const TENANTS = Array.from({ length: 1000 }, (_, at) => fresh(`tenant-${at % 100}.example.com`, 1)[0] as string);
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

await present(import.meta.url, () =>
  [
    ...TARGETS.map((raw) =>
      over(`readTarget ${raw.slice(0, 40)}`, fresh(raw, 1000), (input) => readTarget(input, target)),
    ),
    over('readHost, one host', fresh('api.example.com:8080', 1000), readHost),
    over('readHost, 100 hosts in turn', TENANTS, readHost),
    over('requestId, minted', [''], () => requestId(null, false)),
    over('requestId, kept', fresh('018f2c5e-7b1a-7000-8000-000000000000', 1000), (input) => requestId(input, true)),
    over('continueTrace, minted', [''], () => continueTrace(null).traceparent),
    over('continueTrace, continued', fresh(TRACE, 1000), (input) => continueTrace(input)),
    over('TrustedProxies.trusts, remembered', fresh('10.1.2.3', 1000), (input) => proxies.trusts(input)),
  ].map(measure),
);
