// The door of a gateway whose workers all die at birth: for the story of giving up.
import cluster from 'node:cluster';

if (cluster.isWorker) process.exit(3);
await import('../../../src/main.ts');
