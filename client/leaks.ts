import type { Command } from 'commander';
import type { Leaks } from '../contract/leaks.ts';
import { perform } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { renderLeaks } from './render/leaks.ts';

/** Whether anything is left that no live workflow takes care of, or may be. */
function isLeaky({ acquisitions, unseen, releases }: Leaks): boolean {
  const cared = new Set(releases.map(({ workflowId }) => workflowId));
  const isOpen = acquisitions.some(
    ({ state, release = '' }) => state === 'unknown' || (state === 'orphan' && !cared.has(release)),
  );
  return isOpen || unseen.length > 0;
}

/** `dray leaks`: what hosts and backends have, compared with what is written down and what runs. */
export function addLeaksCommand(program: Command): void {
  program
    .command('leaks')
    .description('compare what hosts and backends have with what runs; changes nothing by itself')
    .option('--host <host>', 'only what concerns this host (default: everything that is known)')
    .option('--release', 'start release/<attachment id> for every orphan')
    .option('--all', 'list also what is live')
    .action(
      perform<{ host?: string; release?: true; all?: true }>(async ({ config }, options) => {
        const { host, release, all = false } = options;
        const { findLeaks } = await import('./temporal/find-leaks.ts');
        const leaks = await findLeaks(config, host, release === true ? 'decided' : 'no');
        const exitCode = isLeaky(leaks) ? EXIT.leaks : EXIT.done;
        return { json: leaks, text: renderLeaks(leaks, all), exitCode };
      }),
    );
}
