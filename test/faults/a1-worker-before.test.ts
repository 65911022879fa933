import { killWorkerAtEachStep } from './worker-rows.ts';

killWorkerAtEachStep('before');
