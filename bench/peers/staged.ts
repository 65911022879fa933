import { manageVolume } from '../../client/temporal/manage-volume.ts';
import { attachBare } from '../bare-devices.ts';
import type { Storage } from '../options.ts';
import { DESTINATION, rawFile, SOURCE, type Stage } from '../stage.ts';
import type { Pair, PairWish } from './storages.ts';

/** Volumes of a backend of the stage's worker, so that `dray copy` finds the same ones. */
export async function openStaged(stage: Stage, storage: Storage, wish: PairWish): Promise<Pair> {
  const { sizeBytes } = wish;
  const volumes = [SOURCE, DESTINATION].map((id) => ({ backend: storage, id }));
  for (const volume of volumes) {
    await manageVolume(stage.config, { verb: 'create', volume, sizeBytes });
  }
  const bare = await attachBare(stage, storage);
  return {
    ...wish,
    source: bare.source.path,
    destination: bare.destination.path,
    files: {
      source: rawFile(stage, storage, SOURCE),
      destination: rawFile(stage, storage, DESTINATION),
    },
    close: async () => {
      await bare.detach();
      for (const volume of volumes) await manageVolume(stage.config, { verb: 'delete', volume });
    },
  };
}
