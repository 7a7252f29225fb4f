// The text of an answer's head from its fields. Run: node bench/micro/answer-head.ts
import { answerHead } from '../../src/worker/server/answer-head.ts';
import { type Bench, measure, present, sink } from './harness.ts';

const FIELDS = [
  ...['Server', 'nginx/1.22.1', 'Date', 'Tue, 24 Nov 2026 05:00:00 GMT', 'Content-Type', 'application/json'],
  ...['via', '1.1 weir', 'x-request-id', '018f2c5e7b1a70008000'],
];
const UNDATED = FIELDS.filter((_field, at) => at !== 2 && at !== 3);
const MANY = Array.from({ length: 60 }, (_, at) => (at % 2 === 0 ? `X-Field-${at}` : `value ${at}`));

function head(name: string, status: number, statusText: string, fields: readonly string[]): Bench {
  return {
    name,
    run(times) {
      // written to a socket it becomes bytes at once: without that, the string would never be put together
      for (let i = 0; i < times; i++) sink.value = Buffer.from(answerHead(status, statusText, fields), 'latin1');
    },
  };
}

await present(import.meta.url, () =>
  [
    head('200, 5 fields, dated by the upstream', 200, 'OK', FIELDS),
    head('200, 4 fields, dated by us', 200, '', UNDATED),
    head('200 with a phrase of its own', 200, 'Fine', FIELDS),
    head('200, 30 fields', 200, 'OK', MANY),
  ].map(measure),
);
