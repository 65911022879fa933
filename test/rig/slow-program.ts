import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * PATH with a program that waits while the file `<directory>/hold.<name>` stands, having written
 * `hold.<name>.reached`, and is the real one then. `given`: only with this in its arguments.
 */
export function slowProgram(directory: string, name: string, given = ''): Record<string, string> {
  const programs = join(directory, 'programs');
  const hold = join(directory, `hold.${name}`);
  mkdirSync(programs);
  const wait = `while [ -e ${hold} ]; do : >${hold}.reached; sleep 0.05; done`;
  const held = `case "$*" in *'${given}'*) ${wait};; esac`;
  // By its path: what the program starts in turn is to find the slow ones as well.
  const real = `exec ${execFileSync('which', [name], { encoding: 'utf8' }).trim()} "$@"`;
  writeFileSync(join(programs, name), `#!/bin/sh\n${held}\n${real}\n`, { mode: 0o755 });
  return { PATH: `${programs}:${process.env['PATH']}` };
}
