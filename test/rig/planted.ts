import type * as Fs from 'node:fs';
import type * as FsPromises from 'node:fs/promises';
import type * as Run from '../../system/run.ts';

/** What stands in the place of the kernel's files, by path, and of directories: their names. */
export const plantedFiles = new Map<string, Buffer>();
export const plantedDirectories = new Map<string, string[]>();

/** What stands in the place of a program: what it writes to standard output. */
export const plantedTools = new Map<string, (args: readonly string[]) => Partial<Run.ToolResult>>();

/** For `vi.mock` of node:fs/promises, with the module itself. */
export function planting(module: unknown): object {
  const real = module as typeof FsPromises;
  return {
    ...real,
    readFile: (path: string, encoding: BufferEncoding) => {
      const planted = plantedFiles.get(path)?.toString(encoding);
      return planted === undefined ? real.readFile(path, encoding) : Promise.resolve(planted);
    },
    readdir: (path: string, ...options: []) => {
      const planted = plantedDirectories.get(path);
      return planted === undefined ? real.readdir(path, ...options) : Promise.resolve(planted);
    },
  };
}

/** For `vi.mock` of node:fs, with the module itself. */
export function plantingSync(module: unknown): object {
  const real = module as typeof Fs;
  return {
    ...real,
    readFileSync: (path: string, encoding: BufferEncoding) =>
      plantedFiles.get(path)?.toString(encoding) ?? real.readFileSync(path, encoding),
  };
}

/** For `vi.mock` of system/run.ts, with the module itself. */
export function plantingTools(module: unknown): object {
  const real = module as typeof Run;
  return {
    ...real,
    runTool: (...call: Parameters<typeof Run.runTool>): Promise<Run.ToolResult> => {
      const [tool, args] = call;
      const planted = plantedTools.get(tool)?.(args);
      if (planted === undefined) return real.runTool(...call);
      return Promise.resolve({ status: 0, signal: undefined, stdout: '', stderr: '', ...planted });
    },
  };
}
