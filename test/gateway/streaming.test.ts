// Bodies on their way through: whole, at the pace of the slower side, in bounded memory, and at once where they trickle.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { get, openRaw } from '../helpers/client.ts';
import { pause, until, within } from '../helpers/deadline.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Origin, pattern, reply, startOrigin, streamed } from '../helpers/origin.ts';
import { atRest, portOf, residentBytes } from './rest.ts';

const MIB = 1 << 20;

let origin: Origin;
/** reads no body by itself */
let early: Origin;
let gateway: Gateway;
let port: number;
let workerPid: number;

before(async () => {
  origin = await startOrigin();
  early = await startOrigin(reply(200), { early: true });
  gateway = await startGateway({
    config: `
listeners: [{ address: 127.0.0.1:0 }]
limits: { max_body_bytes: 512MiB, idle_timeout: 2s }
upstreams:
  origin: { endpoints: ['${origin.url}'] }
  early: { endpoints: ['${early.url}'] }
routes:
  - { id: origin, path_prefix: /, upstream: origin, timeout: 60s }
  - { id: early, path_prefix: /early, upstream: early, timeout: 60s }
  - { id: short, path_prefix: /short, upstream: origin, timeout: 400ms }
`,
  });
  port = portOf(gateway);
  [workerPid] = (await gateway.workerPids()) as [number];
});

after(async () => {
  await gateway?.stop();
  await origin?.close();
  await early?.close();
});

test('8 MiB come down and 3 MiB go up byte for byte, also at the same time', async () => {
  const down = pattern(0, 8 * MIB);
  const up = pattern(7, 3 * MIB);
  for (const framing of ['length', 'chunked', 'close'] as const) {
    origin.answer(streamed(8 * MIB, framing));
    const answer = await get(`${gateway.url}/big`);
    assert.equal(answer.status, 200);
    assert.ok(answer.body.equals(down), framing);
  }
  early.answer(async (incoming, response) => {
    response.writeHead(200);
    for await (const chunk of incoming)
      if (!response.write(chunk)) await new Promise((resolve) => response.once('drain', resolve));
    response.end();
  });
  for (const headers of [{ 'content-length': String(up.length) }, { 'transfer-encoding': 'chunked' }]) {
    const answer = await get(`${gateway.url}/early/echo`, {
      method: 'POST',
      headers: headers as Record<string, string>,
      body: up,
    });
    assert.ok(answer.body.equals(up), JSON.stringify(headers));
  }
});

test('a body that is much larger than memory allowed for it leaves no trace in memory', async () => {
  const size = 128 * MIB;
  origin.answer(streamed(MIB));
  for (let n = 0; n < 10; n++) await get(`${gateway.url}/warm`);
  const beforeBytes = residentBytes(workerPid);
  origin.answer(streamed(size, 'chunked'));
  let received = 0;
  let peak = 0;
  await within(
    30_000,
    new Promise<void>((resolve, reject) => {
      const asking = request(`${gateway.url}/huge`, (response) => {
        response.on('data', (chunk: Buffer) => {
          received += chunk.length;
          if (received % (8 * MIB) < chunk.length) peak = Math.max(peak, residentBytes(workerPid));
        });
        response.on('end', resolve);
      });
      asking.on('error', reject).end();
    }),
    'the huge answer',
  );
  assert.equal(received, size);
  early.answer(async (incoming, response) => {
    let bytes = 0;
    for await (const chunk of incoming) {
      bytes += (chunk as Buffer).length;
      if (bytes % (8 * MIB) < (chunk as Buffer).length) peak = Math.max(peak, residentBytes(workerPid));
    }
    response.end(String(bytes));
  });
  assert.equal(
    (await get(`${gateway.url}/early/huge`, { method: 'PUT', body: Buffer.alloc(64 * MIB) })).text,
    String(64 * MIB),
  );
  assert.ok(peak - beforeBytes < 48 * MIB, `${(peak - beforeBytes) / MIB} MiB more at the peak`);
});

/** How many bytes the origin could write once `written` has not grown for a while. */
async function settled(written: () => number): Promise<number> {
  let last = -1;
  await until(
    10_000,
    'the writer to stop',
    () => {
      const now = written();
      const same = now === last && now > 0;
      last = now;
      return same;
    },
    150,
  );
  return last;
}

test('a client that stops reading stops the origin, and gets the rest when it goes on', async (t) => {
  const size = 96 * MIB;
  let written = () => 0;
  origin.answer((incoming, response, recorded) => {
    // the connection may have carried other answers
    const { socket } = incoming;
    const before = socket.bytesWritten;
    written = () => socket.bytesWritten - before;
    return streamed(size)(incoming, response, recorded);
  });
  const beforeBytes = residentBytes(workerPid);
  let received = 0;
  let pausedAt = 0;
  const asking = request(`${gateway.url}/slow`);
  t.after(() => asking.destroy());
  const done = new Promise<void>((resolve, reject) => {
    asking.on('response', (response) => {
      response.on('data', (chunk: Buffer) => {
        if (!chunk.equals(pattern(received, chunk.length)))
          reject(new Error(`another byte than sent after ${received}`));
        received += chunk.length;
        if (pausedAt > 0 || received < MIB) return;
        pausedAt = received;
        response.pause();
        settled(() => written())
          .then((bytes) => {
            // the kernel's buffers of two connections, and what each of the three processes holds
            assert.ok(bytes - received < 32 * MIB, `the origin wrote ${bytes / MIB} MiB ahead`);
            assert.ok(residentBytes(workerPid) - beforeBytes < 24 * MIB);
            response.resume();
          })
          .catch(reject);
      });
      response.on('end', resolve);
    });
    asking.on('error', reject).end();
  });
  await within(40_000, done, 'the whole answer');
  assert.equal(received, size);
});

test('small pieces reach a slow client unchanged, however long they have to wait', async (t) => {
  const size = 16 * MIB;
  origin.answer((_request, response) => {
    response.writeHead(200, { 'content-length': size });
    let sent = 0;
    const send = () => {
      if (sent >= size) return response.end();
      const piece = pattern(sent, Math.min(3001, size - sent));
      sent += piece.length;
      if (response.write(piece)) setImmediate(send);
      else response.once('drain', send);
    };
    send();
  });
  const asking = request(`${gateway.url}/pieces`);
  t.after(() => asking.destroy());
  let received = 0;
  const done = new Promise<void>((resolve, reject) => {
    asking.on('response', (response) => {
      let untilPause = MIB;
      response.on('data', (chunk: Buffer) => {
        if (!chunk.equals(pattern(received, chunk.length)))
          reject(new Error(`another byte than sent after ${received}`));
        received += chunk.length;
        untilPause -= chunk.length;
        if (untilPause > 0) return;
        // long enough for all buffers on the way to fill
        untilPause = 4 * MIB;
        response.pause();
        setTimeout(() => response.resume(), 250);
      });
      response.on('end', resolve);
    });
    asking.on('error', reject).end();
  });
  await within(40_000, done, 'the whole answer');
  assert.equal(received, size);
});

test('an origin that stops reading stops the client, and gets the rest when it goes on', async () => {
  let go = () => {};
  const mayRead = new Promise<void>((resolve) => {
    go = resolve;
  });
  const size = 96 * MIB;
  early.answer(async (incoming, response) => {
    incoming.pause();
    await mayRead;
    let bytes = 0;
    for await (const chunk of incoming) bytes += (chunk as Buffer).length;
    response.end(String(bytes));
  });
  const beforeBytes = residentBytes(workerPid);
  const socket = connect(port, '127.0.0.1');
  const block = Buffer.alloc(MIB);
  socket.write(`PUT /early/slow HTTP/1.1\r\nHost: h\r\nContent-Length: ${size}\r\n\r\n`);
  let sent = 0;
  const send = () => {
    while (sent < size) {
      sent += block.length;
      if (!socket.write(block)) return;
    }
  };
  socket.on('drain', send);
  send();
  const stopped = await settled(() => socket.bytesWritten - socket.writableLength);
  assert.ok(stopped < 32 * MIB, `${stopped / MIB} MiB went ahead of the origin`);
  assert.ok(residentBytes(workerPid) - beforeBytes < 24 * MIB);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  go();
  await until(30_000, 'the answer', () => text.endsWith(String(size)));
  assert.match(text, /^HTTP\/1\.1 200 /);
  socket.destroy();
});

test('a thousand slow readers cost the same whatever the size of their answers', async () => {
  const clients = 1000;
  const startBytes = residentBytes(workerPid);
  const small = await slowReaders(clients, 2 * MIB);
  const large = await slowReaders(clients, 64 * MIB);
  const told = `${[startBytes, small, large].map((bytes) => (bytes / MIB).toFixed(0)).join(', ')} MiB`;
  // if a hundredth of an answer stayed in the worker, the second would have 600 MiB more
  assert.ok(large - small < 160 * MIB, told);
  // measured: 0.2 MiB a reader
  assert.ok(Math.max(small, large) - startBytes < 400 * MIB, told);
});

/** Opens the clients, lets each read its head and then nothing, and returns the worker's size once all is still. */
async function slowReaders(clients: number, size: number): Promise<number> {
  const block = Buffer.alloc(256 * 1024);
  const seen = origin.requests.length;
  origin.answer((_request, response) => {
    response.writeHead(200, { 'content-length': size });
    let left = size;
    const send = () => {
      while (left > 0 && !response.destroyed) {
        left -= block.length;
        if (!response.write(block)) return;
      }
      if (left <= 0) response.end();
    };
    response.on('drain', send);
    send();
  });
  const sockets: Socket[] = [];
  let heads = 0;
  for (let n = 0; n < clients; n++) {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /many HTTP/1.1\r\nHost: h\r\n\r\n'));
    socket.on('error', () => {});
    socket.once('data', () => {
      heads += 1;
      socket.pause();
    });
    sockets.push(socket);
  }
  await until(20_000, 'all heads', () => heads === clients, 50);
  assert.equal(origin.requests.length - seen, clients);
  let last = 0;
  await until(
    20_000,
    'the worker to be still',
    () => {
      const now = residentBytes(workerPid);
      const still = Math.abs(now - last) < MIB;
      last = now;
      return still;
    },
    300,
  );
  for (const socket of sockets) socket.destroy();
  await atRest(gateway, 20_000);
  return last;
}

test('events arrive one by one, each at once, for longer than the deadline of the route', async () => {
  const client = await openRaw(port);
  let send: (text: string) => void = () => {};
  origin.answer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    send = (text) => response.write(text);
  });
  client.send('GET /short/events HTTP/1.1\r\nHost: h\r\n\r\n');
  await client.received((text) => text.includes('\r\n\r\n'));
  const beganMs = performance.now();
  for (let n = 0; n < 12; n++) {
    const sentMs = performance.now();
    send(`data: ${n}\n\n`);
    await client.received((text) => text.includes(`data: ${n}\n\n`));
    assert.ok(performance.now() - sentMs < 60, `event ${n} took ${performance.now() - sentMs} ms`);
    await pause(60);
  }
  assert.ok(performance.now() - beganMs > 600);
  assert.equal(client.closed, false);
  // idle_timeout bounds the silence between two events
  const silentMs = performance.now();
  await client.gone(4000);
  assert.ok(performance.now() - silentMs > 1500);
});

test('a head without a body yet arrives at once, and so does each part of the body', async () => {
  const client = await openRaw(port);
  let part: (text: string | null) => void = () => {};
  origin.answer((_request, response) => {
    response.writeHead(200, { 'x-early': '1' });
    response.flushHeaders();
    part = (text) => (text === null ? response.end() : response.write(text));
  });
  client.send('GET /parts HTTP/1.1\r\nHost: h\r\n\r\n');
  await client.received((text) => text.includes('x-early: 1') && text.endsWith('\r\n\r\n'), 1000);
  for (const text of ['one', 'two', 'three']) {
    part(text);
    await client.received((all) => all.includes(text), 1000);
  }
  part(null);
  assert.equal((await client.response()).body.toString(), 'onetwothree');
  client.destroy();
});

test('each part of a request body reaches the origin at once', async () => {
  const client = await openRaw(port);
  let seen = '';
  early.answer((incoming, response) => {
    incoming.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    incoming.on('end', () => response.end('done'));
  });
  client.send('POST /early/parts HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (const text of ['one', 'three']) {
    client.send(`${text.length.toString(16)}\r\n${text}\r\n`);
    await until(1000, 'the part at the origin', () => seen.endsWith(text));
  }
  client.send('0\r\n\r\n');
  assert.equal((await client.response()).body.toString(), 'done');
  client.destroy();
});

test('the next request on a connection is not disturbed by a slow answer before it', async () => {
  // the same upstream connections serve fast clients right after slow ones
  origin.answer(streamed(MIB));
  const slow = await Promise.all(Array.from({ length: 20 }, () => openRaw(port)));
  for (const client of slow) {
    client.pause();
    client.send('GET /s HTTP/1.1\r\nHost: h\r\n\r\n');
  }
  for (let n = 0; n < 40; n++) assert.equal((await get(`${gateway.url}/f`, { ms: 3000 })).body.length, MIB);
  for (const client of slow) client.resume();
  for (const client of slow) {
    assert.equal((await client.response({ ms: 10_000 })).body.length, MIB);
    client.destroy();
  }
});

test('afterwards nothing is held', async () => {
  await atRest(gateway, 10_000);
});
