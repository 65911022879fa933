import type { Command } from 'commander';
import type { Volume } from '../contract/volume.ts';
import { formatVolume } from '../contract/volume.ts';
import type { VolumeCommand } from '../contract/workflows.ts';
import { readSize, readVolume } from './arguments.ts';
import { type Context, type Outcome, perform } from './command.ts';
import { renderVolumes } from './render/volumes.ts';

/** What a backend does, it does on its own queue: the storage may be on another machine. */
async function manage({ config }: Context, command: VolumeCommand): Promise<Volume[]> {
  const { manageVolume } = await import('./temporal/manage-volume.ts');
  return manageVolume(config, command);
}

function one(volume: Volume | undefined): Outcome {
  return { json: volume ?? null, text: volume === undefined ? '' : renderVolumes([volume]) };
}

/** `dray volume`: volumes of a backend, wherever its worker is. */
export function addVolumeCommand(program: Command): void {
  const volume = program.command('volume').description('volumes, written backend:id');
  volume
    .command('create')
    .argument('<volume>', 'backend:id')
    .argument('<size>', 'for example 10GiB, 512MiB or a number of bytes')
    .description('create a volume that reads as zeros')
    .action(
      perform(async (context, _options, name = '', size = '') => {
        const ref = readVolume(name);
        const sizeBytes = readSize(size);
        const [created] = await manage(context, { verb: 'create', volume: ref, sizeBytes });
        return one(created);
      }),
    );
  volume
    .command('list')
    .argument('[backend]', 'name of a backend (default: every configured one)')
    .description('list volumes')
    .action(
      perform(async (context, _options, backend?: string) => {
        const backends = backend === undefined ? Object.keys(context.config.backends) : [backend];
        const lists = await Promise.all(
          backends.map((name) => manage(context, { verb: 'list', backend: name })),
        );
        return { json: lists.flat(), text: renderVolumes(lists.flat()) };
      }),
    );
  volume
    .command('show')
    .argument('<volume>', 'backend:id')
    .description('show one volume')
    .action(
      perform(async (context, _options, name = '') => {
        const [found] = await manage(context, { verb: 'show', volume: readVolume(name) });
        return one(found);
      }),
    );
  volume
    .command('delete')
    .argument('<volume>', 'backend:id')
    .description('delete a volume that nothing holds')
    .action(
      perform(async (context, _options, name = '') => {
        const ref = readVolume(name);
        await manage(context, { verb: 'delete', volume: ref });
        return { json: { deleted: formatVolume(ref) }, text: `${formatVolume(ref)} is deleted` };
      }),
    );
}
