import { execa } from 'execa';
import { cpus, release, totalmem } from 'node:os';

/** What the figures were measured on. */
export type Machine = {
  cpu: string;
  cores: number;
  memoryMiB: number;
  kernel: string;
  /** Of the volumes: type and device. */
  filesystem: string;
  node: string;
  temporal: string;
  dd: string;
  qemu: string;
  tgt: string;
  /** ISO 8601, when the run began. */
  measuredAt: string;
};

/** The first line a program says of its version; what it lacks is said instead. */
async function versionOf(program: string, ...args: string[]): Promise<string> {
  const { stdout, stderr, failed } = await execa(program, args, { reject: false });
  return failed ? 'not installed' : (`${stdout}\n${stderr}`.trim().split('\n')[0] ?? '');
}

export async function describeMachine(temporal: string, directory: string): Promise<Machine> {
  const measuredAt = new Date().toISOString();
  const mount = ['--noheadings', '--output', 'FSTYPE,SOURCE', '--target', directory];
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    filesystem: (await execa('findmnt', mount)).stdout.replace(/\s+/g, ' ').trim(),
    node: process.version,
    temporal: await versionOf(temporal, '--version'),
    dd: await versionOf('dd', '--version'),
    qemu: await versionOf('qemu-storage-daemon', '--version'),
    tgt: await versionOf('tgtd', '--version'),
    measuredAt,
  };
}
