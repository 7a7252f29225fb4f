// Who listens on a port, for a sentence that helps: /proc/net/tcp gives the socket, the descriptors under /proc the
// process. Linux only and best effort; called when a bind has failed, never otherwise.
import { readdir, readFile, readlink } from 'node:fs/promises';

const LISTENING = '0A';

/** The pid of a process that listens on `port` at any address, or null where that cannot be seen. */
export async function portHolder(port: number): Promise<number | null> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (await readFile(table, 'utf8').catch(() => '')).split('\n').slice(1)) {
      // sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode
      const fields = line.trim().split(/\s+/);
      const [, local, , state] = fields;
      const inode = fields[9];
      if (!local || !inode || state !== LISTENING) continue;
      if (Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16) === port) inodes.add(`socket:[${inode}]`);
    }
  }
  if (inodes.size === 0) return null;
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    // of other users' processes the descriptors cannot be read
    for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      if (inodes.has(await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => ''))) return Number(pid);
    }
  }
  return null;
}
