// llhttp under our callbacks: what a request's head costs before any of our own code sees it.
// Run: node bench/micro/request-parser.ts
import { createRequestParser, type ParserEvents } from '../../src/worker/server/request-parser.ts';
import { type Bench, measure, present } from './harness.ts';

class Count implements ParserEvents {
  heads = 0;
  ends = 0;
  requestBegan(): void {}
  requestHead(): void {
    this.heads += 1;
  }
  requestData(): void {}
  requestEnd(): void {
    this.ends += 1;
  }
  executed(): void {}
}

function requests(name: string, text: string, each = 1): Bench {
  const events = new Count();
  const parser = createRequestParser(events, 65_536);
  const bytes = Buffer.from(text.repeat(each), 'latin1');
  return {
    name,
    run(times) {
      const before = events.ends;
      for (let i = 0; i < times; i += each) {
        const read = parser.execute(bytes);
        if (read !== bytes.length) throw new Error(`parsed ${read} of ${bytes.length} bytes`);
      }
      if (events.ends - before < times) throw new Error('a request did not end');
    },
  };
}

const SMALL = 'GET /things/42?page=2 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: wrk/4.2\r\nAccept: */*\r\n\r\n';
const fields = (count: number) => Array.from({ length: count }, (_, at) => `X-Field-${at}: value ${at}\r\n`).join('');
const POST = `POST /orders HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1024\r\n\r\n${'x'.repeat(1024)}`;

await present(import.meta.url, () =>
  [
    requests('GET, 3 fields', SMALL),
    requests('GET, 3 fields, 16 in one read', SMALL, 16),
    requests('GET, 16 fields', `GET / HTTP/1.1\r\nHost: a\r\n${fields(15)}\r\n`),
    requests('GET, 64 fields: handed over in parts', `GET / HTTP/1.1\r\nHost: a\r\n${fields(63)}\r\n`),
    requests('POST, 1 KiB of body', POST),
  ].map(measure),
);
