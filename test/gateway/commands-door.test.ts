import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { WEIR, weir } from './weir.ts';

const COMMANDS = ['run', 'check', 'explain', 'diff', 'schema', 'reload', 'status', 'drain'];

test('--help names every command, and each has its own', async () => {
  const { code, stdout } = await weir(['--help']);
  assert.equal(code, 0);
  for (const command of COMMANDS) assert.match(stdout, new RegExp(`^ {2}${command} +\\S`, 'm'));
  const helps = await Promise.all(COMMANDS.map((command) => weir([command, '--help'])));
  for (const [index, help] of helps.entries()) {
    assert.equal(help.code, 0);
    assert.match(help.stdout, new RegExp(`^Usage: weir ${COMMANDS[index]}\\b`));
    assert.equal(help.stderr, '');
  }
});

test('--version is the package version', async () => {
  const { code, stdout } = await weir(['--version']);
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('a wrong call is one sentence and exit code 2', async () => {
  for (const [args, sentence] of [
    [['relaod'], /^weir: 'relaod' is no command, did you mean 'reload'\? See 'weir --help'\.\n$/],
    [['constructor'], /^weir: 'constructor' is no command\. See 'weir --help'\.\n$/],
    [['run'], /^weir: --config FILE is missing\. See 'weir run --help'\.\n$/],
    [['run', '--config', 'x.yaml', '--workers', '0'], /^weir: --workers 0 is not a number from 1 to 512\. See/],
    [['status', '--jsno'], /^weir: Unknown option '--jsno'\. See 'weir status --help'\.\n$/],
    [['status', '--admin'], /^weir: Option '--admin <value>' argument missing\. See 'weir status --help'\.\n$/],
  ] as const) {
    const { code, stdout, stderr } = await weir([...args]);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, sentence);
    assert.equal(stdout, '');
  }
  const bare = await weir([]);
  assert.equal(bare.code, 2);
  assert.match(bare.stderr, /^Weir, an API gateway/);
});

test('a config that is not there is a fault of the config', async () => {
  const { code, stderr } = await weir(['run', '--config', '/nowhere/gateway.yaml']);
  assert.equal(code, 78);
  assert.match(stderr, /^\/nowhere\/gateway\.yaml:1:1: error: The file does not exist\./);
});

test('bin/weir finds its package through links, as npm makes them', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'weir-door-'));
  mkdirSync(join(directory, '.bin'));
  symlinkSync(WEIR, join(directory, 'weir'));
  symlinkSync('../weir', join(directory, '.bin', 'weir'));
  const { code, stdout } = await weir(['--version'], {}, join(directory, '.bin', 'weir'));
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  rmSync(directory, { recursive: true });
});

test('an unfit Node is refused in one sentence that says what is missing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'weir-door-'));
  const old = join(directory, 'node');
  writeFileSync(old, '#!/bin/sh\necho v20.11.1\n');
  chmodSync(old, 0o755);
  const { code, stderr } = await weir(['--version'], { WEIR_NODE: old });
  assert.equal(code, 1);
  assert.equal(stderr, `weir: WEIR_NODE is ${old} (v20.11.1), but Weir needs Node 22.19 or newer.\n`);
  const missing = await weir(['--version'], { WEIR_NODE: join(directory, 'none') });
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /\(not a Node\), but Weir needs Node 22\.19 or newer\.\n$/);
  rmSync(directory, { recursive: true });
});

test('WEIR_NODE is taken when it is fit', async () => {
  const { code } = await weir(['--version'], { WEIR_NODE: process.execPath });
  assert.equal(code, 0);
});
