// The header fields of a request and of an answer, each read in one pass. Run: node bench/micro/fields.ts
import {
  addGatewayFields,
  RequestFields,
  ResponseFields,
  readRequestFields,
  readResponseFields,
} from '../../src/worker/proxy/fields.ts';
import { measure, present, sink } from './harness.ts';

const SMALL = ['Host', 'api.example.com', 'User-Agent', 'wrk/4.2', 'Accept', '*/*'];
const BROWSER = [
  ...['Host', 'www.example.com', 'Connection', 'keep-alive', 'Cache-Control', 'max-age=0', 'sec-ch-ua', '"Chromium"'],
  ...['sec-ch-ua-mobile', '?0', 'sec-ch-ua-platform', '"Linux"', 'Upgrade-Insecure-Requests', '1'],
  ...['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', 'Accept', 'text/html,application/xhtml+xml'],
  ...['Sec-Fetch-Site', 'none', 'Sec-Fetch-Mode', 'navigate', 'Accept-Encoding', 'gzip, deflate, br'],
  ...[
    'Accept-Language',
    'en-GB,en;q=0.9',
    'Cookie',
    'session=0123456789abcdef; theme=dark',
    'X-Forwarded-For',
    '10.0.0.1',
  ],
  ...['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'Content-Length', '1024'],
];
const NOMINATING = [...SMALL, 'Connection', 'keep-alive, x-hop', 'X-Hop', '1'];
const ANSWER = [
  ...['Server', 'nginx/1.22.1', 'Date', 'Tue, 24 Nov 2026 05:00:00 GMT', 'Content-Type', 'application/json'],
  ...['Content-Length', '91', 'Connection', 'keep-alive'],
];

function request(fields: readonly string[]): (times: number) => void {
  return (times) => {
    for (let i = 0; i < times; i++) {
      const found = new RequestFields();
      if (readRequestFields(fields, 200, found) !== null) throw new Error('refused');
      sink.value = found;
    }
  };
}

await present(import.meta.url, () => [
  measure({ name: 'readRequestFields, 3 fields', run: request(SMALL) }),
  measure({ name: `readRequestFields, ${BROWSER.length / 2} fields`, run: request(BROWSER) }),
  measure({ name: 'readRequestFields, Connection nominates', run: request(NOMINATING) }),
  measure({
    name: `readResponseFields, ${ANSWER.length / 2} fields`,
    run(times) {
      for (let i = 0; i < times; i++) {
        const found = new ResponseFields();
        readResponseFields(ANSWER, '018f2c5e7b1a70008000', found);
        sink.value = found;
      }
    },
  }),
  measure({
    name: 'addGatewayFields, to 2 fields',
    run(times) {
      for (let i = 0; i < times; i++) {
        const forward = ['User-Agent', 'wrk/4.2', 'Accept', '*/*'];
        const host = 'api.example.com';
        addGatewayFields(forward, '10.0.0.9:80', '192.0.2.1', 'http', host, 'id', '00-4bf9-00f0-01', null, false);
        sink.value = forward;
      }
    },
  }),
]);
