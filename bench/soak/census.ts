// What /proc says about the gateway's processes: who they are, what they hold, and which clients are theirs.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { processStartTicks } from '../../src/shared/memory/slots.ts';

export interface ProcessReading {
  pid: number;
  /** with the pid, the identity of a process */
  startTicks: number;
  rssBytes: number;
  /** the part of it that no other process shares */
  anonBytes: number;
  descriptors: number;
}

/** Every process that runs with this WEIR_RUNTIME_DIR: primaries, workers, orphans. Nobody else has it. */
export function processesOf(runtimeDirectory: string): number[] {
  const wanted = `WEIR_RUNTIME_DIR=${runtimeDirectory}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => (look(`/proc/${pid}/environ`) ?? '').split('\0').includes(wanted));
}

/** null when it is gone, or a zombie that holds nothing any more */
export function readProcess(pid: number): ProcessReading | null {
  const status = look(`/proc/${pid}/status`);
  if (status === null) return null;
  const kib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
  const rssBytes = kib('VmRSS') * 1024;
  if (rssBytes === 0) return null;
  try {
    const descriptors = readdirSync(`/proc/${pid}/fd`).length;
    return { pid, startTicks: processStartTicks(pid), rssBytes, anonBytes: kib('RssAnon') * 1024, descriptors };
  } catch {
    return null; // gone between two looks
  }
}

/**
 * SIGSTOP, and waits until it has stopped: a process that runs on another CPU may get through one more system call.
 * @returns false when it did not stop within the time, or is gone
 */
export function stopProcess(pid: number, ms = 200): boolean {
  process.kill(pid, 'SIGSTOP');
  const until = performance.now() + ms;
  while (performance.now() < until) {
    const state = stateOf(pid);
    if (state === null) return false;
    if (state === 'T') return true;
  }
  return false;
}

/** Its sockets are closed: the kernel does that a good while after the SIGKILL when the machine is busy. */
export function isOver(pid: number): boolean {
  const state = stateOf(pid);
  return state === null || state === 'Z' || state === 'X';
}

/** The letter of /proc/<pid>/stat; null: gone */
function stateOf(pid: number): string | null {
  const text = look(`/proc/${pid}/stat`);
  return text?.charAt(text.lastIndexOf(')') + 2) ?? null;
}

/** The clients of one process at this moment, by their port. */
export interface Clients {
  accepted: Set<number>;
  /** connected to the listener, but accepted by no process yet */
  unaccepted: Set<number>;
}

/** @param listenPort of the gateway, on IPv4 loopback */
export function clientsOf(pid: number, listenPort: number): Clients {
  const inodes = new Set<string>();
  try {
    for (const name of readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(link(join(`/proc/${pid}/fd`, name)))?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  } catch {
    // gone: it holds nobody
  }
  const clients: Clients = { accepted: new Set(), unaccepted: new Set() };
  // a busy host has tens of thousands of lines, and the process stands still meanwhile: most are not split
  const wanted = `:${listenPort.toString(16).toUpperCase().padStart(4, '0')} `;
  for (const line of (look('/proc/net/tcp') ?? '').split('\n')) {
    if (!line.includes(wanted)) continue;
    // sl local remote state queues timer retransmits uid timeout inode
    const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
    if (local === undefined || remote === undefined || portOf(local) !== listenPort || state === '0A') continue;
    // established or closed by the client; TIME_WAIT has no owner either, but waits for nobody
    if (inode === '0' && (state === '01' || state === '08')) clients.unaccepted.add(portOf(remote));
    else if (inode !== undefined && inodes.has(inode)) clients.accepted.add(portOf(remote));
  }
  return clients;
}

/** `0100007F:1F90` */
function portOf(address: string): number {
  return Number.parseInt(address.slice(address.indexOf(':') + 1), 16);
}

function look(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null; // gone, or another user's
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
