import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Crew, Member } from './crew.ts';
import type { Killable } from './options.ts';
import type { Stage } from './stage.ts';

/** What is to be killed, found beforehand so that the kill itself takes no time. */
export type Victim = {
  pidOf: (copierPid: number) => number;
  /** Starts it again where nobody else does; undefined where Drayage itself brings it back. */
  restart?: () => Promise<Member>;
  /** Who brings it back, in words. */
  returns: string;
};

/** @param worker @param server the members that run now; `temporalPid`: the program itself */
export async function findVictim(
  kill: Killable,
  stage: Stage,
  crew: Crew,
  now: { worker: Member; server: Member; temporalPid: number },
): Promise<Victim> {
  switch (kill) {
    case 'worker':
      return {
        pidOf: () => now.worker.pid,
        restart: () => crew.startWorker(),
        returns: 'the demo starts a worker again',
      };
    case 'copier':
      return { pidOf: (copierPid) => copierPid, returns: 'the worker goes on by itself' };
    case 'target': {
      const file = join(stage.root, 'tgtd', 'process.json');
      const { pid } = JSON.parse(await readFile(file, 'utf8')) as { pid: number };
      return { pidOf: () => pid, returns: 'the worker starts it and its exports again' };
    }
    case 'server':
      return {
        pidOf: () => now.temporalPid,
        restart: async () => {
          // `dray server` ends with it; port and database are free once it has.
          await now.server.ended;
          return (await crew.startServer()).member;
        },
        returns: 'the demo starts the server again, on the same database',
      };
  }
}
