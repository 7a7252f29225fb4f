import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { registerHooks } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { attachMapping, createMapping, lockBeside } from '../../../src/shared/memory/mapping.ts';

const AS_ROOT = process.geteuid?.() === 0;
const NOBODY = 65_534;

function scratch(t: TestContext): string {
  const directory = fs.mkdtempSync(join(tmpdir(), 'weir-mapping-'));
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'segment');
}

const accept = () => {};

// first, because the library is loaded once
test('without koffi the operator learns which package is missing and how to install it', (t) => {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier === 'koffi') throw new Error("Cannot find module 'koffi'");
      return next(specifier, context);
    },
  });
  t.after(() => hooks.deregister());
  assert.throws(() => createMapping(scratch(t), 4096, accept), {
    name: 'OperatorError',
    message: /package koffi.*not installed.*npm ci --include=optional/,
  });
});

test('two mappings of a file are the same memory, and the file is for its owner alone', (t) => {
  const path = scratch(t);
  const one = createMapping(path, 8192, (buffer) => new Int32Array(buffer).fill(7));
  const two = attachMapping(path, 64, (header, size) => {
    assert.equal(size, 8192);
    assert.equal(new Int32Array(header.buffer)[0], 7);
  });
  const [a, b] = [new Int32Array(one.buffer), new Int32Array(two.buffer)];
  Atomics.add(a, 2047, 5);
  assert.equal(b[2047], 12);
  assert.equal(fs.statSync(path).mode & 0o777, 0o600);
  one.close();
  two.close();
});

test('an access after close throws instead of crashing the process', (t) => {
  const mapped = createMapping(scratch(t), 4096, accept);
  const view = new Int32Array(mapped.buffer);
  mapped.close();
  mapped.close();
  assert.equal(view.length, 0);
  assert.equal(view[0], undefined);
  assert.throws(() => Atomics.add(view, 0, 1), TypeError);
});

test('creating replaces what was there, also the draft of a killed creator, and leaves no draft', (t) => {
  const path = scratch(t);
  fs.writeFileSync(path, 'old');
  fs.writeFileSync(`${path}.new`, 'half');
  const mapped = createMapping(path, 4096, accept);
  assert.equal(fs.statSync(path).size, 4096);
  assert.equal(fs.existsSync(`${path}.new`), false);
  mapped.close();
});

test('a segment whose filling fails never gets its name', (t) => {
  const path = scratch(t);
  const failing = () => {
    throw new Error('no');
  };
  assert.throws(() => createMapping(path, 4096, failing), /no/);
  assert.deepEqual(fs.readdirSync(join(path, '..')), []);
});

test('a symbolic link is not followed', (t) => {
  const path = scratch(t);
  fs.writeFileSync(`${path}.target`, 'x'.repeat(4096), { mode: 0o600 });
  fs.symlinkSync(`${path}.target`, path);
  fs.symlinkSync(`${path}.target`, `${path}.lock`);
  assert.throws(() => attachMapping(path, 64, accept), { name: 'OperatorError', message: /is a symbolic link/ });
  assert.throws(() => lockBeside(path), { name: 'OperatorError', message: /segment\.lock is a symbolic link/ });
  const mapped = createMapping(path, 4096, accept);
  assert.ok(fs.lstatSync(path).isFile(), 'the link itself is replaced');
  assert.equal(fs.readFileSync(`${path}.target`, 'utf8'), 'x'.repeat(4096));
  mapped.close();
});

test('a file that others may open is refused', (t) => {
  const path = scratch(t);
  fs.writeFileSync(path, 'x'.repeat(4096));
  fs.chmodSync(path, 0o644);
  assert.throws(() => attachMapping(path, 64, accept), { name: 'OperatorError', message: /mode 0644, expected 0600/ });
});

test('a file of another user is refused', { skip: AS_ROOT ? false : 'needs root' }, (t) => {
  const path = scratch(t);
  fs.writeFileSync(path, 'x'.repeat(4096), { mode: 0o600 });
  fs.chownSync(path, NOBODY, NOBODY);
  assert.throws(() => attachMapping(path, 64, accept), {
    name: 'OperatorError',
    message: /belongs to uid 65534, and Weir runs as uid 0.*WEIR_RUNTIME_DIR/,
  });
});

test('a directory is no segment', (t) => {
  const path = scratch(t);
  fs.mkdirSync(`${path}.lock`);
  assert.throws(() => lockBeside(path), { name: 'OperatorError', message: /segment\.lock cannot be used/ });
});

test('a directory that is missing or not writable is named, with the way out', (t) => {
  const path = scratch(t);
  assert.throws(() => createMapping(join(path, 'deeper', 'segment'), 4096, accept), {
    name: 'OperatorError',
    message: /directory .*deeper does not exist.*WEIR_RUNTIME_DIR/,
  });
  assert.throws(() => attachMapping(path, 64, accept), { name: 'OperatorError', message: /no Weir runs/ });
  fs.chmodSync(join(path, '..'), 0o500);
  if (AS_ROOT) process.seteuid!(NOBODY);
  try {
    assert.throws(() => createMapping(path, 4096, accept), {
      name: 'OperatorError',
      message: /EACCES.*WEIR_RUNTIME_DIR/,
    });
    assert.throws(() => lockBeside(path), { name: 'OperatorError', message: /segment\.lock.*EACCES/ });
  } finally {
    if (AS_ROOT) process.seteuid!(0);
  }
});

test('a full file system is named with what is needed and what is free', (t) => {
  const { blocks, bsize } = fs.statfsSync('/dev/shm');
  if (blocks === 0) return t.skip('/dev/shm has no limit here');
  const path = `/dev/shm/weir-mapping-test-${process.pid}`;
  assert.throws(() => createMapping(path, blocks * bsize * 2, accept), {
    name: 'OperatorError',
    message: /needs [\d.]+ MiB in \/dev\/shm, where [\d.]+ MiB are free.*--shm-size.*WEIR_RUNTIME_DIR/,
  });
  assert.equal(fs.existsSync(`${path}.new`), false);
});

test('a mapping that the kernel refuses is noticed', (t) => {
  const path = scratch(t);
  fs.writeFileSync(path, '', { mode: 0o600 });
  assert.throws(() => attachMapping(path, 64, accept), {
    name: 'OperatorError',
    message: /could not be mapped.*errno 22/,
  });
});

test('unlinking leaves a file alone that has taken the name since', (t) => {
  const path = scratch(t);
  const first = createMapping(path, 4096, accept);
  const second = createMapping(path, 8192, accept);
  first.unlink();
  assert.equal(fs.statSync(path).size, 8192);
  second.unlink();
  assert.equal(fs.existsSync(path), false);
  first.close();
  second.close();
});

test('a lock excludes, survives the replacement of the segment, and is gone after release', (t) => {
  const path = scratch(t);
  const lock = lockBeside(path);
  assert.ok(lock);
  const mapped = createMapping(path, 4096, accept);
  assert.equal(lockBeside(path), null);
  lock.release();
  assert.equal(fs.existsSync(`${path}.lock`), false);
  const next = lockBeside(path);
  assert.ok(next);
  next.release();
  mapped.close();
});
