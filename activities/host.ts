import { activityInfo } from '@temporalio/activity';
import type {
  Attachment,
  ConnectorProperties,
  Device,
  DeviceIdentity,
  SealedConnectionInfo,
} from '../contract/attachment.ts';
import type { Certificate, Certified } from '../contract/certificate.ts';
import type { CopyControl } from '../contract/control.ts';
import type { CopyEnds, CopyOptions, CopyPlan } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import type { HostDuties, HostReport } from '../contract/examination.ts';
import { copyIdOf } from '../contract/ids.ts';
import type { HostView, InspectInput } from '../contract/inspection.ts';
import type { Survey } from '../contract/leaks.ts';
import type { CertifiedBytes, ReadPlan } from '../contract/verify.ts';
import type { Undone, VolumeRef } from '../contract/volume.ts';
import { formatVolume } from '../contract/volume.ts';
import { assertUnused } from '../connectors/device-use.ts';
import { fenceCopier } from '../copy/lease.ts';
import { planCopy } from '../copy/plan.ts';
import { writeControl } from '../copy/steering.ts';
import { planRead } from '../copy/plan-read.ts';
import { writeClaim } from '../system/claims.ts';
import { signCertificate, signingKey } from '../system/config/signing.ts';
import { unsealConnection } from '../system/seal.ts';
import { assertClaimed, claimOf, type ClaimedPair, type ClaimedToRead } from './claimed.ts';
import { type HostContext, runIdOf } from './context.ts';
import { disconnect } from './disconnect.ts';
import { examineHost } from './examine/host.ts';
import { inspectHost } from './inspect-host.ts';
import { count } from './metrics.ts';
import { surveyHost } from './survey.ts';

/** Two volumes, or one and what a certificate says of it; the attachments are those of the ends. */
export type PlanReadInput =
  | { ends: CopyEnds; attachments: ClaimedPair }
  | {
      ends: Pick<CopyEnds, 'destination'>;
      attachments: ClaimedToRead;
      certificate: CertifiedBytes;
    };

/** The steps on `host/<id>`: attach, detach, plan and fence. */
export function createHostActivities(host: HostContext) {
  const { claims, keys } = host.state.dirs;
  return {
    /** Nothing but an answer: there is a worker, and it can be reached. */
    answer(): Promise<void> {
      return Promise.resolve();
    },

    async getConnectorProperties(): Promise<ConnectorProperties> {
      return host.properties();
    },

    /** Looks at this host and changes nothing. */
    async examineHost(duties: HostDuties): Promise<HostReport> {
      return examineHost(host, duties);
    },

    /** Written down before it is acquired, so that nobody has to remember it. */
    async connectVolume(input: {
      attachment: Attachment;
      info: SealedConnectionInfo;
    }): Promise<Device> {
      const { attachment, info } = input;
      const opened = await unsealConnection(keys, attachment.id, info);
      await writeClaim(claims, { attachment, info });
      const device = await host.connectors[info.driverVolumeType].connectVolume(attachment, opened);
      await writeClaim(claims, { attachment, info, device });
      return device;
    },

    /** Size, serial and use are looked at before anything is written, by this copy as well. */
    async proveDevice(input: { attachment: Attachment; device: Device }): Promise<DeviceIdentity> {
      const { attachment, device } = input;
      const claim = await claimOf(host.state, attachment);
      const info = await unsealConnection(keys, attachment.id, claim.info);
      const connector = host.connectors[info.driverVolumeType];
      const identity = await connector.identify(attachment, info, device);
      const wrong = (because: string): DrayError => {
        const volume = formatVolume(attachment.volume);
        return new DrayError('WrongDevice', { device: device.path, volume, because });
      };
      const expected = attachment.exported;
      if (expected === undefined) throw wrong('its export is not known');
      if (expected.serial !== undefined && identity.serial !== expected.serial) {
        throw wrong(`its serial is ${identity.serial}, expected ${expected.serial}`);
      }
      if (identity.sizeBytes !== expected.sizeBytes) {
        throw wrong(`it has ${identity.sizeBytes} bytes, expected ${expected.sizeBytes}`);
      }
      // A workflow that was reset comes here while the copier of before still writes.
      const { destination } = attachment.owner;
      await fenceCopier(host.state, destination, {
        copyId: copyIdOf(attachment.owner),
        forget: false,
      });
      await assertUnused(device, attachment.volume);
      return identity;
    },

    async attachEncryptor(input: { attachment: Attachment; device: Device }): Promise<Device> {
      return host.encryptor.attachVolume(input.attachment, input.device);
    },

    async detachEncryptor({ attachment }: { attachment: Attachment }): Promise<Undone> {
      return host.encryptor.detachVolume(attachment);
    },

    async disconnectVolume(input: { attachment: Attachment; force: boolean }): Promise<Undone> {
      return disconnect(host, input.attachment, input.force);
    },

    async planCopy(input: {
      ends: CopyEnds;
      attachments: ClaimedPair;
      encrypted: boolean;
      options: CopyOptions;
    }): Promise<CopyPlan> {
      const { attachments, ends, encrypted, options } = input;
      await assertClaimed(host.state, attachments);
      const { source, destination } = attachments;
      const plan = await planCopy({
        ends,
        encrypted,
        options,
        volumes: { source: source.volume, destination: destination.volume },
        destinationReadsAsZeros: destination.exported?.readsAsZeros === true,
        host: host.copy,
      });
      return { ...plan, runId: runIdOf(activityInfo()) };
    },

    /** Brings what people want of a copy to its copier, and to every attempt to come. */
    async controlCopy(input: {
      destination: VolumeRef;
      copyId: string;
      control: CopyControl;
    }): Promise<void> {
      const { destination, copyId, control } = input;
      const runId = runIdOf(activityInfo());
      await writeControl(host.state, { destination, copyId, runId }, control);
    },

    /** Signed where the volumes were, with a key that never leaves this host. */
    async certify({ certified }: { certified: Certified }): Promise<Certificate> {
      return signCertificate(await signingKey(keys), certified);
    },

    async planRead(input: PlanReadInput): Promise<ReadPlan> {
      const { attachments } = input;
      await assertClaimed(host.state, attachments);
      const { copy } = host;
      const destination = attachments.destination.volume;
      if ('certificate' in input) {
        return planRead({ ...input, volumes: { destination }, host: copy });
      }
      const volumes = { source: input.attachments.source.volume, destination };
      return planRead({ ...input, volumes, host: copy });
    },

    /** What is there of attachments; changes nothing. */
    async surveyHost(): Promise<Survey> {
      return surveyHost(host.state);
    },

    async inspectHost(input: InspectInput): Promise<HostView> {
      return inspectHost(host.state, input);
    },

    /** The copier of this copy alone: one of another copy of the same volume is not ours. */
    async fenceCopier(input: {
      destination: VolumeRef;
      copyId: string;
      forget: boolean;
    }): Promise<Undone> {
      const outcome = await fenceCopier(host.state, input.destination, input);
      count('drayage_fence_events_total', 1, { fence: 'copier', outcome });
      return outcome;
    },
  };
}

export type HostActivities = ReturnType<typeof createHostActivities>;
