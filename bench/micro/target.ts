// What one request pays before it is routed: the target, the Host field, and the ids that are minted for it.
// Run: node bench/micro/target.ts
import { TrustedProxies } from '../../src/worker/proxy/forwarded.ts';
import { requestId } from '../../src/worker/proxy/request-id.ts';
import { continueTrace } from '../../src/worker/proxy/trace-context.ts';
import { readHost } from '../../src/worker/route/host.ts';
import { readTarget, Target } from '../../src/worker/route/target.ts';

const RUNS = 400_000;
const ROUNDS = 7;

/** Copies: a parser hands over a fresh string each time, whose hash nobody has computed yet. */
function fresh(text: string, count: number): string[] {
  return Array.from({ length: count }, () => Buffer.from(text, 'latin1').toString('latin1'));
}

function measure(name: string, inputs: string[], step: (input: string) => unknown): void {
  let best = Number.POSITIVE_INFINITY;
  let sink = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let run = 0; run < RUNS; run++) if (step(inputs[run % inputs.length] as string) === inputs) sink++;
    best = Math.min(best, Number(process.hrtime.bigint() - start) / RUNS);
  }
  console.log(`${name.padEnd(52)} ${best.toFixed(1).padStart(8)} ns${sink > 0 ? ' ' : ''}`);
}

const target = new Target();
const proxies = new TrustedProxies(['10.0.0.0/8']);

for (const raw of [
  '/users/42',
  '/users/42?x=1',
  '/api/v1/organisations/1234/projects/5678/builds?page=2&per_page=50&sort=created',
  '/.well-known/openid-configuration',
  '/a/%7euser/./b/../c',
  'http://api.example.com/users/42',
]) {
  measure(`readTarget ${raw.slice(0, 40)}`, fresh(raw, 1000), (input) => readTarget(input, target));
}
measure('readHost, one host', fresh('api.example.com:8080', 1000), readHost);
measure(
  'readHost, 100 hosts in turn',
  Array.from({ length: 1000 }, (_, index) => fresh(`tenant-${index % 100}.example.com`, 1)[0] as string),
  readHost,
);
measure('requestId, minted', [''], () => requestId(null, false));
measure('requestId, kept', fresh('018f2c5e-7b1a-7000-8000-000000000000', 1000), (input) => requestId(input, true));
measure('continueTrace, minted', [''], () => continueTrace(null).traceparent);
measure('continueTrace, continued', fresh('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 1000), (input) =>
  continueTrace(input),
);
measure('TrustedProxies.trusts, remembered', fresh('10.1.2.3', 1000), (input) => proxies.trusts(input));
