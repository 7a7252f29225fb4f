// The only file that knows how memory comes to be shared: a file mapped MAP_SHARED through koffi. Everything above sees
// an ArrayBuffer. koffi is loaded on first use, so a segment inside one process works where it is not installed.
// Why a named file and not memfd: the next primary must find it after the last one was killed.
// Called by segment.ts alone.
//
// Two files. `<path>` is the segment, always whole: it is filled under another name and renamed into place.
// `<path>.lock` is what the primary holds an flock on. It is a file of its own because a lock belongs to the inode, and
// a rename puts another inode under the name: a lock on the segment itself would stay behind on the replaced one. A
// holder that ends in order removes it, so a new holder checks that the name still leads to the inode it locked.
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { OperatorError } from '../errors.ts';

/** A mapped file. Views on `buffer` read as length 0 after close(): a late access throws, it does not crash. */
export interface MappedFile {
  readonly buffer: ArrayBuffer;
  close(): void;
  /** removes the name, unless another file has taken it */
  unlink(): void;
}

export interface FileLock {
  /** Removes the lock file and lets go. A killed holder has let go too: the kernel does it. */
  release(): void;
}

interface Libc {
  mmap(addr: null, bytes: number, protection: number, flags: number, fd: number, offset: number): bigint;
  munmap(addr: bigint, bytes: number): number;
  posix_fallocate(fd: number, offset: number, bytes: number): number;
  flock(fd: number, operation: number): number;
  view(pointer: bigint, bytes: number): ArrayBuffer;
  errno(): number;
}

const PROT_READ_WRITE = 1 | 2;
const MAP_SHARED = 1;
const MAP_FAILED = 2n ** 64n - 1n; // koffi 3 gives pointers as unsigned BigInt: (void *)-1
const LOCK_EX_NB = 2 | 4;
const EINTR = 4;
const EWOULDBLOCK = 11;
const EINVAL = 22;
const ENOSPC = 28;
const EOPNOTSUPP = 95;

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants; // node adds O_CLOEXEC to every open

let loaded: Libc | null = null;

/**
 * Makes a file of `bytes` zero bytes, has it filled, and puts it at `path`, replacing what is there.
 * Call it with the lock held: two creators at once would pull the file from under each other.
 */
export function createMapping(path: string, bytes: number, fill: (buffer: ArrayBuffer) => void): MappedFile {
  const libc = loadLibc();
  const draft = `${path}.new`; // one name, so that the drafts of killed creators do not pile up
  const fd = explained(path, () => {
    fs.rmSync(draft, { force: true });
    return fs.openSync(draft, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  });
  let mapped: MappedFile | null = null;
  try {
    fs.fchmodSync(fd, 0o600); // the umask may have taken more
    allocate(libc, fd, bytes, path);
    mapped = map(libc, fd, bytes, path);
    fill(mapped.buffer);
    explained(path, () => fs.renameSync(draft, path));
    return mapped;
  } catch (error) {
    mapped?.close();
    fs.rmSync(draft, { force: true });
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

/** Maps the file at `path`. @param check sees the first bytes and the file's size, and throws when it will not have it */
export function attachMapping(
  path: string,
  headerBytes: number,
  check: (header: Buffer<ArrayBuffer>, fileBytes: number) => void,
): MappedFile {
  const libc = loadLibc();
  const fd = openOwn(path, O_RDWR | O_NOFOLLOW);
  try {
    const header = Buffer.from(new ArrayBuffer(headerBytes)); // not Buffer.alloc: the caller views it as words
    const { size } = fs.fstatSync(fd);
    fs.readSync(fd, header, 0, headerBytes, 0);
    check(header, size);
    return map(libc, fd, size, path);
  } finally {
    fs.closeSync(fd);
  }
}

/** Locks `<path>.lock`, or says null when another living process has it. */
export function lockBeside(path: string): FileLock | null {
  const libc = loadLibc();
  const lockPath = `${path}.lock`;
  for (;;) {
    const fd = openOwn(lockPath, O_RDWR | O_CREAT | O_NOFOLLOW);
    const failed = flock(libc, fd);
    if (failed === 0 && isAt(lockPath, fd)) {
      return {
        release: () => {
          if (isAt(lockPath, fd)) fs.rmSync(lockPath, { force: true });
          fs.closeSync(fd);
        },
      };
    }
    fs.closeSync(fd);
    if (failed === EWOULDBLOCK) return null;
    if (failed !== 0) {
      throw new OperatorError(
        `${lockPath} could not be locked (errno ${failed}); its file system must support flock. ${elsewhere()}`,
      );
    }
    // locked the inode that its last holder was just removing: once more with the new one
  }
}

function flock(libc: Libc, fd: number): number {
  for (;;) {
    if (libc.flock(fd, LOCK_EX_NB) === 0) return 0;
    const errno = libc.errno();
    if (errno !== EINTR) return errno;
  }
}

function isAt(path: string, fd: number): boolean {
  const there = fs.lstatSync(path, { throwIfNoEntry: false });
  const open = fs.fstatSync(fd);
  return there !== undefined && there.ino === open.ino && there.dev === open.dev;
}

function map(libc: Libc, fd: number, bytes: number, path: string): MappedFile {
  const { ino, dev } = fs.fstatSync(fd);
  const pointer = libc.mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  if (pointer === MAP_FAILED || pointer === -1n) {
    throw new OperatorError(
      `${path} could not be mapped into memory (${mebibytes(bytes)}, errno ${libc.errno()}). ${elsewhere()}`,
    );
  }
  let buffer: ArrayBuffer | null = libc.view(pointer, bytes);
  return {
    buffer,
    close: () => {
      if (buffer === null) return;
      buffer.transfer(); // detaches: every view on it is now empty, so unmapping cannot turn an access into a SIGSEGV
      buffer = null;
      libc.munmap(pointer, bytes);
    },
    unlink: () => {
      const there = fs.lstatSync(path, { throwIfNoEntry: false });
      if (there?.ino === ino && there.dev === dev) fs.rmSync(path, { force: true });
    },
  };
}

/** Reserves the pages now: a full file system must say so here, not as a SIGBUS at the first write into a hole. */
function allocate(libc: Libc, fd: number, bytes: number, path: string): void {
  let errno = libc.posix_fallocate(fd, 0, bytes);
  while (errno === EINTR) errno = libc.posix_fallocate(fd, 0, bytes);
  if (errno === 0) return;
  if (errno === EOPNOTSUPP || errno === EINVAL) {
    explained(path, () => writeZeros(fd, bytes), bytes);
    return;
  }
  if (errno === ENOSPC) throw full(path, bytes);
  throw new OperatorError(`${path} could not be given ${mebibytes(bytes)} (errno ${errno}). ${elsewhere()}`);
}

function writeZeros(fd: number, bytes: number): void {
  const zeros = Buffer.alloc(1 << 20);
  for (let at = 0; at < bytes; at += zeros.length) fs.writeSync(fd, zeros, 0, Math.min(zeros.length, bytes - at), at);
}

/** Opens a file that must be ours alone: in a directory that all may write to, a planted one would be read by its planter. */
function openOwn(path: string, flags: number): number {
  const fd = explained(path, () => fs.openSync(path, flags, 0o600));
  const found = fs.fstatSync(fd);
  const uid = process.geteuid?.() ?? found.uid;
  const mode = found.mode & 0o7777;
  let fault: string | null = null;
  if (!found.isFile()) fault = 'is not a regular file';
  else if (found.uid !== uid) fault = `belongs to uid ${found.uid}, and Weir runs as uid ${uid}`;
  else if ((mode & 0o077) !== 0) fault = `is open to others (mode 0${mode.toString(8)}, expected 0600)`;
  if (fault === null) return fd;
  fs.closeSync(fd);
  throw new OperatorError(`${path} ${fault}. Remove it if nobody needs it. ${elsewhere()}`);
}

/** Runs a file operation and says its failure in the operator's words. */
function explained<T>(path: string, operation: () => T, bytes = 0): T {
  try {
    return operation();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const directory = dirname(path);
    if (code === 'ENOSPC') throw full(path, bytes);
    if (code === 'ELOOP') {
      throw new OperatorError(`${path} is a symbolic link; Weir does not follow one here. Remove it. ${elsewhere()}`);
    }
    if (code === 'ENOENT') {
      const found = fs.existsSync(directory);
      throw new OperatorError(
        found
          ? `There is no control segment at ${path}: no Weir runs with this configuration.`
          : `The directory ${directory} does not exist. ${elsewhere()}`,
      );
    }
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new OperatorError(
        `${path} cannot be opened or replaced by uid ${process.geteuid?.()} (${code}). ${elsewhere()}`,
      );
    }
    throw new OperatorError(`${path} cannot be used: ${message}. ${elsewhere()}`);
  }
}

function full(path: string, bytes: number): OperatorError {
  const directory = dirname(path);
  const { bavail, bsize } = fs.statfsSync(directory);
  return new OperatorError(
    `The control segment needs ${mebibytes(bytes)} in ${directory}, where ${mebibytes(bavail * bsize)} are free. ` +
      `Make room (in a container: docker run --shm-size, or an emptyDir of medium Memory at /dev/shm). ${elsewhere()}`,
  );
}

function elsewhere(): string {
  return 'Or set WEIR_RUNTIME_DIR to another directory that Weir may write to.';
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function loadLibc(): Libc {
  loaded ??= bindLibc();
  return loaded;
}

/** A wrong prototype here crashes the process: these six lines are held by test/shared/memory/mapping.test.ts. */
function bindLibc(): Libc {
  let koffi: typeof import('koffi');
  try {
    koffi = createRequire(import.meta.url)('koffi');
  } catch (error) {
    throw new OperatorError(
      'Weir shares memory between its processes through the package koffi, and that or its binary for ' +
        `${process.platform}-${process.arch} is not installed (${(error as Error).message.split('\n')[0]}). ` +
        'Install with its optional dependencies: npm ci --include=optional',
    );
  }
  const libc = koffi.load(null);
  return {
    mmap: libc.func('void *mmap(void *addr, size_t len, int prot, int flags, int fd, int64_t off)'),
    munmap: libc.func('int munmap(void *addr, size_t len)'),
    posix_fallocate: libc.func('int posix_fallocate(int fd, int64_t off, int64_t len)'),
    flock: libc.func('int flock(int fd, int operation)'),
    view: (pointer, bytes) => koffi.view(pointer, bytes),
    errno: () => koffi.errno(),
  };
}
