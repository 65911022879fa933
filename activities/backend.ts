import { activityInfo } from '@temporalio/activity';
import { DrayError } from '../contract/errors.ts';
import type {
  Attachment,
  ConnectorProperties,
  ExportRef,
  SealedConnectionInfo,
} from '../contract/attachment.ts';
import type { Finding } from '../contract/examination.ts';
import type { ExportView } from '../contract/inspection.ts';
import type { Survey } from '../contract/leaks.ts';
import type { Undone, Volume, VolumeRef } from '../contract/volume.ts';
import { formatVolume } from '../contract/volume.ts';
import { sealConnection } from '../system/seal.ts';
import type { BackendContext } from './context.ts';
import { examineBackend } from './examine/backend.ts';
import { count } from './metrics.ts';
import { surveyBackend } from './survey.ts';

type OnHost = { attachment: Attachment; properties: ConnectorProperties };

/** The steps on `backend/<name>`: the same call whether the storage is local or remote. */
export function createBackendActivities({ backend, keys }: BackendContext) {
  return {
    async describeVolume(volume: VolumeRef): Promise<Volume> {
      const found = await backend.getVolume(volume);
      if (found.sizeBytes === 0) {
        const because = `${formatVolume(volume)} is empty`;
        throw new DrayError('BadSize', { size: 0, because });
      }
      return found;
    },

    async createVolume(input: { volume: VolumeRef; sizeBytes: number }): Promise<Volume> {
      return backend.createVolume(input.volume.id, input.sizeBytes);
    },

    async deleteVolume(volume: VolumeRef): Promise<Undone> {
      const undone = await backend.deleteVolume(volume);
      // A repeat finds gone what an attempt has deleted whose answer was lost.
      return activityInfo().attempt > 1 ? 'done' : undone;
    },

    async listVolumes(): Promise<Volume[]> {
      return backend.listVolumes();
    },

    /** Looks at the storage and changes nothing. */
    async examineBackend(): Promise<Finding[]> {
      return examineBackend(backend);
    },

    async createExport(input: OnHost & { takesOver?: string }): Promise<ExportRef> {
      return backend.createExport(input.attachment, input.properties, input.takesOver);
    },

    /** The secrets leave this process sealed. */
    async initializeConnection({ attachment, properties }: OnHost): Promise<SealedConnectionInfo> {
      const info = await backend.initializeConnection(attachment, properties);
      return sealConnection(keys, attachment.id, info);
    },

    async completeConnection({ attachment }: { attachment: Attachment }): Promise<void> {
      await backend.completeConnection(attachment);
    },

    async revokeAccess({ attachment, properties }: OnHost): Promise<'revoked' | 'cannot'> {
      const outcome = await backend.revokeAccess(attachment, properties);
      count('drayage_fence_events_total', 1, { fence: 'access', outcome });
      return outcome;
    },

    async terminateConnection(input: OnHost & { force: boolean }): Promise<Undone> {
      return backend.terminateConnection(input.attachment, input.properties, input.force);
    },

    async removeExport(input: {
      attachment: Attachment;
      keepReservation?: boolean;
    }): Promise<Undone> {
      return backend.removeExport(input.attachment, input.keepReservation);
    },

    /** What is there of attachments; changes nothing. */
    async surveyBackend(): Promise<Survey> {
      return surveyBackend(backend);
    },

    async inspectExport({ attachment }: { attachment: Attachment }): Promise<ExportView> {
      return backend.inspectExport(attachment);
    },

    async setVolumeState(input: { volume: VolumeRef; state: string }): Promise<Undone> {
      return backend.setVolumeState(input.volume, input.state);
    },
  };
}

export type BackendActivities = ReturnType<typeof createBackendActivities>;
