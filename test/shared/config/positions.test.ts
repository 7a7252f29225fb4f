// Where faults are shown: exact lines and columns, excerpts, carets, hints.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFault } from '../../../src/shared/config/fault.ts';
import { BASE, errors, ROUTE, told, warnings } from './loading.ts';

test('every fault is shown at once, in the order of the file', () => {
  const text = `listeners:
  - addres: 127.0.0.1:8080
workers: 0
upstreams:
  users:
    endpoints: [http://10.0.0.1:80/api, { url: 'ftp://a', wieght: 2 }]
    balance: roundrobin
    connect_timeout: 2
routes:
  - id: one
    path: /a
    upstream: user
    timeout: 2 s
  - id: one
    path_prefix: b
    upstream: users
`;
  assert.deepEqual(told(errors(text)), [
    '2:5 listeners[0] needs "address".',
    '2:5 listeners[0].addres is not an option.',
    '3:10 workers must be at least 1.',
    '6:17 upstreams.users.endpoints[0] must end after the port.',
    '6:48 upstreams.users.endpoints[1].url has the scheme ftp.',
    '6:59 upstreams.users.endpoints[1].wieght is not an option.',
    '7:14 upstreams.users.balance must be one of: p2c, round_robin, least_request, consistent_hash.',
    '8:22 upstreams.users.connect_timeout must be a duration with a unit, such as 500ms, 2s or 1h30m.',
    '12:15 routes[0].upstream names the upstream "user", which is not defined.',
    '13:14 routes[0].timeout is not a duration.',
    '14:9 routes[1].id is the same as that of the route on line 10.',
    '15:18 routes[1].path_prefix must begin with /.',
  ]);
});

test('near misses get a hint, whether key, choice or name', () => {
  const text = `${BASE}rutes: []
limits: { max_header: 3KiB }
routes: [{ id: r, path: /, upstream: usres, polices: {} }]
`;
  const hints = errors(text).map(({ path, hint }) => [path, hint]);
  assert.deepEqual(hints, [
    ['rutes', 'Did you mean "routes"?'],
    ['limits.max_header', 'Did you mean "max_headers"?'],
    ['routes[0].upstream', 'Did you mean "users"?'],
    ['routes[0].polices', 'Did you mean "policies"?'],
  ]);
});

test('a key that resembles nothing is told what is possible at its place', () => {
  const [fault] = errors(`${BASE}${ROUTE}admin: { zzz: 1 }\n`);
  assert.equal(fault?.hint, 'Possible here: address, token.');
});

test('a fault is printed as place, line, caret and hint', () => {
  const [fault] = errors(`${BASE}routes:\n  - id: r\n    path: /\n    upstream: usres\n`);
  assert.ok(fault);
  assert.equal(
    formatFault(fault, false),
    [
      'gateway.yaml:7:15: error: routes[0].upstream names the upstream "usres", which is not defined.',
      '      upstream: usres',
      '                ^',
      '  hint: Did you mean "users"?',
    ].join('\n'),
  );
  assert.ok(formatFault(fault, true).includes('\x1b[31merror\x1b[0m'));
});

test('a missing block is reported at what should hold it', () => {
  assert.deepEqual(told(errors('workers: 2\n')), ['1:1 The configuration needs "listeners".']);
  assert.deepEqual(told(errors(`${BASE}  other: {}\n${ROUTE}`)), ['4:3 upstreams.other needs "endpoints".']);
  assert.deepEqual(told(errors('listeners:\n  -\n')), ['1:1 listeners[0] has no value.']);
});

test('a value that came through an alias is pointed at where it is written', () => {
  const text = `${BASE}routes:\n  - { id: a, path: /a, upstream: users, timeout: &t 5 }\n  - { id: b, path: /b, upstream: users, timeout: *t }\n`;
  assert.deepEqual(
    errors(text).map(({ line, col, path }) => [line, col, path]),
    [
      [5, 53, 'routes[0].timeout'],
      [5, 53, 'routes[1].timeout'],
    ],
  );
});

test('quoted values are pointed at from their quote, block scalars at their key', () => {
  const text = `${BASE}routes:\n  - id: r\n    upstream: users\n    path: "no slash"\n    timeout: |\n      5\n`;
  assert.deepEqual(
    errors(text).map(({ line, col }) => [line, col]),
    [
      [7, 11],
      [8, 5],
    ],
  );
});

test('columns are right after a byte order mark and with Windows line ends', () => {
  const text = `\ufeff${`${BASE}${ROUTE}workers: none\n`.replaceAll('\n', '\r\n')}`;
  const [fault] = errors(text);
  assert.deepEqual([fault?.line, fault?.col, fault?.excerpt], [5, 10, 'workers: none']);
});

test('in a file of one long line the excerpt is what surrounds the column', () => {
  const config = {
    listeners: [{ address: '127.0.0.1:8080' }],
    upstreams: { users: { endpoints: ['http://127.0.0.1:9001'] } },
    routes: Array.from({ length: 200 }, (_, at) => ({
      id: `r${at}`,
      path: `/${at}`,
      upstream: at === 150 ? 'nobody' : 'users',
    })),
  };
  const text = JSON.stringify(config);
  const [fault] = errors(text);
  assert.equal(fault?.line, 1);
  assert.equal(fault?.col, text.indexOf('"nobody"') + 1);
  assert.ok(fault.excerpt.length < 130, String(fault.excerpt.length));
  assert.ok(fault.excerpt.slice(fault.caret).startsWith('"nobody"'));
});

test('control characters of a config cannot reach the terminal through an excerpt', () => {
  const [fault] = errors(`${BASE}${ROUTE}workers: "a\u009b31m\u202e"\n`);
  assert.equal(fault?.excerpt, 'workers: "a 31m "');
});

test('warnings have a place, too', () => {
  assert.deepEqual(told(warnings(`${BASE}  spare: { endpoints: ['http://h:1'], circuit_breaker: {} }\n${ROUTE}`)), [
    '4:3 upstreams.spare is used by no route.',
    '4:39 Option circuit_breaker is read but not in force in this version.',
  ]);
});
