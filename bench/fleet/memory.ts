import { readFile } from 'node:fs/promises';
import { median } from '../statistics.ts';

/** How often it is looked at. Unit: milliseconds. */
const EVERY_MILLISECONDS = 1_000;

/** Resident memory of a process over a time. Unit: MiB. */
export type Memory = {
  maximum: number;
  /** Medians of the first and of the last quarter: a leak shows as growth. */
  firstQuarter: number;
  lastQuarter: number;
};

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN) / 1024;
}

const quarter = (all: readonly number[], from: number): number =>
  Math.round(
    median(all.slice(Math.floor(all.length * from), Math.ceil(all.length * (from + 0.25)))),
  );

/** Watches the memory of a process until the answer is called. */
export function watchMemory(pid: number): () => Memory {
  const samples: number[] = [];
  const look = (): void => void residentMiB(pid).then((mib) => samples.push(mib));
  look();
  const timer = setInterval(look, EVERY_MILLISECONDS);
  return () => {
    clearInterval(timer);
    return {
      maximum: Math.round(Math.max(...samples)),
      firstQuarter: quarter(samples, 0),
      lastQuarter: quarter(samples, 0.75),
    };
  };
}
