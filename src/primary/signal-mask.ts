// Lets SIGUSR1 through. Node blocks it for the whole process at its start and unblocks it together with the inspector's
// handler, which --disable-sigusr1 leaves out: the signal stays blocked and a handler of ours would never run (measured
// on 24.21). What came before stays pending and is delivered here, so no reload is lost however early it was asked for.
// Called by the primary alone, once; in workers it stays blocked, which is what they want.
import { createRequire } from 'node:module';
import { constants } from 'node:os';

/** sigset_t of glibc and musl; the kernel uses the first 8 bytes */
const SIGSET_BYTES = 128;
const SIG_UNBLOCK: Partial<Record<NodeJS.Platform, number>> = { linux: 1, darwin: 2 };

/** The handler must be installed already. Nothing happens where the signal was not blocked. */
export function unblockReloadSignal(): void {
  const how = SIG_UNBLOCK[process.platform];
  if (how === undefined) return;
  const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi');
  const unblock = koffi.load(null).func('int pthread_sigmask(int how, const uint8_t *set, uint8_t *old)');
  const set = new Uint8Array(SIGSET_BYTES);
  const bit = constants.signals.SIGUSR1 - 1;
  set[bit >> 3] = 1 << (bit & 7);
  unblock(how, set, null);
}
