// What may be said of a route, and the faults between routes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BASE, errors, good, told, warnings } from './loading.ts';

/** Each is one route on its own line, from line 5 on; an id and the upstream are added. */
const routes = (...options: string[]): string =>
  `${BASE}routes:\n${options.map((option, at) => `  - { id: r${at}, upstream: users, ${option} }\n`).join('')}`;

const clash = (a: string, b: string): boolean =>
  errors(routes(a, b)).some(({ message }) => message.includes('takes the same requests'));

test('a route has exactly one kind of path', () => {
  assert.deepEqual(told(errors(routes('methods: [GET]', 'path: /a, path_prefix: /b'))), [
    '5:5 routes[0] needs one of path, path_prefix and path_regex.',
    '6:42 routes[1].path_prefix cannot stand beside path: a route has one kind of path.',
  ]);
});

test('a route has upstream, split or a respond policy', () => {
  const text = `${BASE}routes:
  - { id: a, path: /a }
  - { id: b, path: /b, upstream: users, split: [{ upstream: users, weight: 1 }] }
  - { id: c, path: /c, split: [{ upstream: users, weight: 0 }] }
  - { id: d, path: /d, policies: { respond: {} } }
`;
  assert.deepEqual(told(errors(text)), [
    '5:5 routes[0] needs upstream, split, or a respond policy.',
    '6:41 routes[1].split cannot stand beside upstream.',
    '7:24 routes[2].split has no share above 0.',
  ]);
});

test('paths are brought into the form in which requests are matched', () => {
  const cases: [string, string][] = [
    ['/a%7Eb', '/a~b'],
    ['/%c3%a4', '/%C3%A4'],
    ['/ä', '/%C3%A4'],
    ['/a//b/', '/a//b/'],
    ['/users/{id}', '/users/{id}'],
    ['/f/{path+}', '/f/{path+}'],
    ['/%7Bid%7D', '/%7Bid%7D'],
    ['/a;v=1', '/a;v=1'],
  ];
  for (const [written, path] of cases)
    assert.equal(good(routes(`path: '${written}'`)).config.routes[0]?.path, path, written);
});

test('paths that no request can have are refused', () => {
  const cases: [string, RegExp][] = [
    ['a', /must begin with \//],
    ['', /must begin with \//],
    ['/a?b', /must not hold \? or #/],
    ['/a#b', /must not hold \? or #/],
    ['/a b', /holds a blank/],
    ['/a\\b', /backslash/],
    ['/a%2', /two hex digits/],
    ['/%00', /%00/],
    ['/a/../b', /"\." or "\.\." segment/],
    ['/a/%2E%2e', /"\." or "\.\." segment/],
    ['/a/..;x', /"\." or "\.\." segment/],
    ['/a%2Fb', /encoded slash/],
    ['/users/x{id}', /braces inside the segment "x\{id\}"/],
    ['/{a}/{a}', /names the parameter \{a\} twice/],
    ['/{a+}/b', /before its end/],
  ];
  for (const [written, expected] of cases)
    assert.match(errors(routes(`path: '${written}'`))[0]?.message ?? 'accepted', expected, written);
  assert.equal(good(routes("path: '/a%2fb', allow_encoded_slashes: true")).config.routes[0]?.path, '/a%2Fb');
});

test('a prefix loses its trailing slash, with a note', () => {
  const text = routes('path_prefix: /users/', 'path_prefix: /');
  assert.deepEqual(
    good(text).config.routes.map((route) => route.path_prefix),
    ['/users', '/'],
  );
  assert.deepEqual(
    warnings(text).map(({ line, path }) => [line, path]),
    [[5, 'routes[0].path_prefix']],
  );
});

test('hosts are canonical names, wildcards of one leading label, or addresses', () => {
  const { config } = good(
    routes("path: /, hosts: [API.Example.com., '*.Example.com', 'bücher.de', 10.0.0.1, '[::1]']"),
  );
  assert.deepEqual(config.routes[0]?.hosts, [
    'api.example.com',
    '*.example.com',
    'xn--bcher-kva.de',
    '10.0.0.1',
    '[::1]',
  ]);
  for (const host of ['a.com:80', 'a.*.com', '*', '*.', 'a b', '::1', '[::1]:80', '-a.com', 'a..b', '']) {
    assert.equal(errors(routes(`path: /, hosts: ['${host}']`)).length, 1, host);
  }
});

test('methods are tokens in capitals', () => {
  assert.match(errors(routes('path: /, methods: [get]'))[0]?.hint ?? '', /write GET/);
  assert.equal(errors(routes('path: /, methods: ["G ET"]')).length, 1);
  assert.equal(errors(routes('path: /, methods: []')).length, 1);
  assert.deepEqual(good(routes('path: /, methods: [GET, PURGE, M-SEARCH]')).config.routes[0]?.methods, [
    'GET',
    'PURGE',
    'M-SEARCH',
  ]);
});

test('a number where a text is meant is told to be quoted', () => {
  const [fault] = errors(routes('path: /, query: { v: 2 }'));
  assert.deepEqual(
    [fault?.message, fault?.hint],
    ['routes[0].query.v must be text, not a whole number.', 'Put it in quotes.'],
  );
});

test('header names that differ by case only are one name twice', () => {
  assert.match(errors(routes("path: /, headers: { X-A: '1', x-a: '2' }"))[0]?.message ?? '', /named twice/);
});

test('expressions that cannot run in linear time are refused', () => {
  for (const source of ['/(a)\\1', '/(?=a)b', '/a{1,64}', '/(?i:a)']) {
    assert.match(
      errors(routes(`path_regex: '${source}'`))[0]?.message ?? 'accepted',
      /cannot be matched in linear time/,
      source,
    );
  }
  for (const source of ['/(a', 'a)|(b', '/[z-a]', ''])
    assert.equal(errors(routes(`path_regex: '${source}'`)).length, 1, source);
  for (const source of ['/(a+)+b', '/v[0-9]+/(?:users|orders)(?:/.*)?', '/\\w*\\.png'])
    good(routes(`path_regex: '${source}'`));
});

test('two routes for the same requests are an error that names both lines', () => {
  assert.deepEqual(told(errors(routes("path: '/a/{x}'", 'path: /a', "path: '/a/{y}'"))), [
    '7:38 routes[2].path takes the same requests as the route on line 5, and neither has precedence.',
  ]);
});

test('routes clash only where neither has precedence', () => {
  const clashing: [string, string][] = [
    ['path: /a', 'path: /a'],
    ["path: '/{a}/{b+}'", "path: '/{x}/{y+}'"],
    ['path_prefix: /a', 'path_prefix: /a/'],
    ['path: /a, methods: [GET, PUT]', 'path: /a, methods: [PUT, POST]'],
    ['path: /a, hosts: [x.com, y.com]', 'path: /a, hosts: [Y.com]'],
    ["path: /a, headers: { x-a: '1', x-b: '2' }", "path: /a, headers: { X-B: '2', X-A: '1' }"],
    ["path: /a, query: { v: '1' }", "path: /a, query: { v: '1' }"],
    ['path: /a, methods: [GET, HEAD]', 'path: /a, methods: [HEAD]'],
    ['path: /a%7e', 'path: /a~'],
  ];
  const apart: [string, string][] = [
    ['path: /a', 'path: /a/'],
    ["path: '/{a}'", "path: '/{b+}'"],
    ['path: /a', 'path_prefix: /a'],
    ['path: /a', 'path: /a, priority: 1'],
    ['path: /a', 'path: /a, methods: [GET]'],
    ['path: /a, methods: [GET]', 'path: /a, methods: [HEAD]'],
    ['path: /a, hosts: [x.com]', 'path: /a'],
    ["path: /a, hosts: ['*.x.com']", 'path: /a, hosts: [y.x.com]'],
    ["path: /a, headers: { x-a: '1' }", "path: /a, headers: { x-a: '2' }"],
    ["path: /a, headers: { x-a: '1' }", 'path: /a'],
    ["path: /a, query: { v: '1' }", "path: /a, headers: { v: '1' }"],
  ];
  for (const [a, b] of clashing) assert.ok(clash(a, b), `${a} | ${b}`);
  for (const [a, b] of apart) assert.ok(!clash(a, b), `${a} | ${b}`);
});

test('faults elsewhere do not hide clashes and unknown upstreams', () => {
  const text = routes(
    'path: /a, timeout: 1',
    'path: /b',
    'path: /b',
    'path: /c, split: [{ upstream: nobody, weight: 1 }]',
  );
  assert.deepEqual(
    errors(text).map(({ path }) => path),
    ['routes[0].timeout', 'routes[2].path', 'routes[3].split', 'routes[3].split[0].upstream'],
  );
});

test('headers that Weir makes itself cannot be changed by a policy', () => {
  const names = [
    'Host',
    'connection',
    'content-length',
    'transfer-encoding',
    'te',
    'trailer',
    'upgrade',
    'keep-alive',
    'via',
    'Proxy-Authorization',
    'x-forwarded-for',
  ];
  for (const name of names) {
    const policy = `path: /, policies: { headers: { request: { set: { ${name}: x }, remove: [${name}] } } }`;
    assert.equal(errors(routes(policy)).length, 2, name);
  }
  assert.equal(
    errors(routes('path: /, policies: { headers: { response: { add: { x-a: "a\\r\\nb: c" } } } }')).length,
    1,
  );
});

test('rewrite.prefix needs a path_prefix to replace, and respond a status that fits', () => {
  const policy = (path: string, text: string): string[] =>
    told(errors(routes(`${path}, policies: { ${text} }`))).map((line) =>
      line.replace(/^\S+ routes\[0\]\.policies\./, ''),
    );
  assert.match(
    policy('path: /a', 'rewrite: { prefix: /b }')[0] ?? '',
    /^rewrite\.prefix replaces the matched path_prefix/,
  );
  assert.match(policy('path: /a', 'rewrite: {}')[0] ?? '', /needs either prefix or path/);
  assert.match(policy('path: /a', "rewrite: { path: '/{b}' }")[0] ?? '', /literal path/);
  assert.deepEqual(policy('path_prefix: /a', 'rewrite: { prefix: /b/ }'), []);
  assert.match(policy('path: /a', 'respond: { status: 302 }')[0] ?? '', /has no location/);
  assert.match(policy('path: /a', 'respond: { location: /b }')[0] ?? '', /means nothing with the status 200/);
  assert.match(policy('path: /a', 'respond: { status: 204, body: x }')[0] ?? '', /cannot be sent/);
  assert.match(policy('path: /a', 'respond: { status: 302, location: "/a\\r\\nx: y" }')[0] ?? '', /is not a location/);
});
