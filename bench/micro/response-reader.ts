// Reading an upstream's answer from the bytes of one read. Run: node bench/micro/response-reader.ts
import { ResponseReader, type ResponseSink } from '../../src/worker/upstream/response-reader.ts';
import { LARGE_FILES, SMALL_JSON } from '../load/scenarios.ts';
import { type Bench, measure, present } from './harness.ts';

class Count implements ResponseSink {
  ended = 0;
  bytes = 0;
  responseHead(): void {}
  responseData(chunk: Buffer): void {
    this.bytes += chunk.length;
  }
  responseEnd(): void {
    this.ended += 1;
  }
}

const HEAD =
  'HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 24 Nov 2026 05:00:00 GMT\r\nContent-Type: application/json\r\n';
const LENGTH = (bytes: number) => `${HEAD}Content-Length: ${bytes}\r\nConnection: keep-alive\r\n\r\n`;

function answer(name: string, parts: readonly Buffer[]): Bench {
  const sink = new Count();
  const reader = new ResponseReader(sink);
  return {
    name,
    run(times) {
      const before = sink.ended;
      for (let i = 0; i < times; i++) {
        reader.expect(false);
        for (const part of parts) reader.read(part);
      }
      if (sink.ended - before !== times) throw new Error('an answer did not end');
    },
  };
}

/** As the kernel hands them over: pieces of at most 64 KiB. */
function pieces(text: string, size: number): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

const small = LENGTH(SMALL_JSON.length) + SMALL_JSON;
const size = LARGE_FILES['64k'];
const chunks = `${(0x2000).toString(16)}\r\n${'x'.repeat(0x2000)}\r\n`.repeat(8);

await present(import.meta.url, () =>
  [
    answer(`a whole small answer, ${small.length} bytes in one read`, pieces(small, 65_536)),
    answer('the same in two reads', [pieces(small, 100)[0]!, Buffer.from(small.slice(100), 'latin1')]),
    answer('64 KiB with a length, in two reads', pieces(LENGTH(size) + 'x'.repeat(size), 65_536)),
    answer(
      '64 KiB in eight chunks, in two reads',
      pieces(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`, 65_536),
    ),
  ].map(measure),
);
