// Every micro bench in one table: `node bench/micro/all.ts [name…]`. Each file runs in a process of its own, one at a time.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Figure, MARK, printTable } from './harness.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const NOT_BENCHES = ['all.ts', 'harness.ts'];
const WITHIN_MS = 180_000;

function load(): string {
  return loadavg()
    .map((n) => n.toFixed(2))
    .join(' ');
}

const benches = readdirSync(HERE)
  .filter((file) => file.endsWith('.ts') && !NOT_BENCHES.includes(file))
  .map((file) => file.slice(0, -3));
const asked = process.argv.slice(2);
const stranger = asked.find((name) => !benches.includes(name));
if (stranger !== undefined) {
  console.error(`there is no micro bench "${stranger}"; there are ${benches.join(', ')}`);
  process.exit(2);
}

console.log(`node ${process.version}, load average before: ${load()}`);
const figures: Figure[] = [];
for (const name of asked.length > 0 ? asked : benches) {
  process.stderr.write(`${name} … `);
  const args = ['--disable-warning=ExperimentalWarning', `${HERE}${name}.ts`, '--json'];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: WITHIN_MS });
  const line = stdout.split('\n').find((text) => text.startsWith(MARK));
  process.stderr.write(line === undefined ? `failed with ${status}\n${stderr}\n` : 'done\n');
  if (line === undefined) process.exitCode = 1;
  else
    for (const one of JSON.parse(line.slice(MARK.length)) as Figure[])
      figures.push({ ...one, name: `${name}: ${one.name}` });
}
printTable(figures);
console.log(`load average after: ${load()}`);
