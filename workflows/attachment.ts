import type {
  Attachment,
  ConnectorProperties,
  Device,
  DeviceIdentity,
  SealedConnectionInfo,
} from '../contract/attachment.ts';
import { copyIdOf } from '../contract/ids.ts';
import { STALL_ATTEMPTS } from '../contract/limits.ts';
import { formatVolume, type Volume } from '../contract/volume.ts';
import { either, HandedOn, type OnFault, overLostDevices, overLostExports } from './losses.ts';
import { backendOf, hostOf, type Place } from './places.ts';
import type { Run } from './run.ts';
import { required, type StepNames } from './steps.ts';
import { takeBack, type Taken } from './take-back.ts';
import type { UndoStep } from './undo.ts';

/** A volume attached on a host, ready to be copied from or to. */
export type Attached = { device: Device; identity: DeviceIdentity; encrypted: boolean };

function undoStep(
  lane: UndoStep['lane'],
  { name, about }: StepNames,
  run: UndoStep['run'],
  suspend?: UndoStep['suspend'],
): UndoStep {
  return { lane, step: name, about, run, ...(suspend === undefined ? {} : { suspend }) };
}

type UndoVerb = 'removeExport' | 'terminateConnection' | 'disconnectVolume' | 'detachEncryptor';

/**
 * What takes an attachment back, in the order of the steps whose undo it is; an undo stack turns it
 * round.
 */
export function undoSteps(
  run: Run,
  attachment: Attachment,
  properties: ConnectorProperties,
): UndoStep[] {
  const { role, volume, owner } = attachment;
  const onBackend = backendOf(volume);
  const onHost = hostOf(owner.hostId);

  function step<A>(
    verb: UndoVerb,
    place: Place<A>,
    what: string,
    call: Parameters<typeof takeBack<A>>[4],
    suspend?: Parameters<typeof takeBack<A>>[4],
  ): UndoStep {
    const names = { name: `${role}.${verb}`, about: formatVolume(volume) };
    const hostStep = (place as unknown) === onHost;
    const taken: Taken = { attachment, properties, what, onHost: hostStep, skippable: true };
    const take = (how: typeof call) => () => takeBack(run, place, names, taken, how);
    return undoStep(role, names, take(call), suspend && take(suspend));
  }

  return [
    step(
      'removeExport',
      onBackend,
      'export',
      (backend) => backend.removeExport({ attachment }),
      (backend) => backend.removeExport({ attachment, keepReservation: true }),
    ),
    step('terminateConnection', onBackend, 'connection', (backend, force) =>
      backend.terminateConnection({ attachment, properties, force }),
    ),
    step('disconnectVolume', onHost, 'device', (host, force) =>
      host.disconnectVolume({ attachment, force }),
    ),
    step('detachEncryptor', onHost, 'encryptor', (host) => host.detachEncryptor({ attachment })),
  ];
}

/**
 * Attaches a volume; its undo stands on the stack before, since also a step that timed out may have
 * taken effect. May be repeated under the same attachment: a lost device is attached
 * anew that way. `takesOver`: the attachment of the same copy that has the volume reserved.
 */
export async function attach(
  run: Run,
  attachment: Attachment,
  properties: ConnectorProperties,
  takesOver?: string,
): Promise<Attached> {
  const { role, volume, owner } = attachment;
  const onBackend = backendOf(volume);
  const onHost = hostOf(owner.hostId);
  const named = (verb: string, onFault?: OnFault): StepNames => ({
    name: `${role}.${verb}`,
    about: formatVolume(volume),
    ...(onFault === undefined ? {} : { onFault }),
  });

  const makeExport = async (onFault: OnFault): Promise<SealedConnectionInfo> => {
    attachment.exported = await required(run, onBackend, named('createExport'), (backend) =>
      backend.createExport({
        attachment,
        properties,
        ...(takesOver === undefined ? {} : { takesOver }),
      }),
    );
    return required(run, onBackend, named('initializeConnection', onFault), (backend) =>
      backend.initializeConnection({ attachment, properties }),
    );
  };

  const complete = async (onFault: OnFault): Promise<void> => {
    try {
      await required(run, onBackend, named('completeConnection', onFault), (backend) =>
        backend.completeConnection({ attachment }),
      );
    } catch (error) {
      // What is connected must not outlive its export: another volume may come in its place.
      if (error instanceof HandedOn) await disconnectLost(run, attachment, false);
      throw error;
    }
  };

  const connect = async (info: SealedConnectionInfo, onFault: OnFault): Promise<Attached> => {
    const encrypted = info.data['encrypted'] === true;
    const device = await required(run, onHost, named('connectVolume', onFault), (host) =>
      host.connectVolume({ attachment, info }),
    );
    await complete(onFault);
    const identity = await required(run, onHost, named('proveDevice', onFault), (host) =>
      host.proveDevice({ attachment, device }),
    );
    if (!encrypted) return { device, identity, encrypted };
    const opened = await required(run, onHost, named('attachEncryptor', onFault), (host) =>
      host.attachEncryptor({ attachment, device }),
    );
    return { device: opened, identity, encrypted };
  };

  return overLostExports(STALL_ATTEMPTS, async (onLostExport) => {
    const info = await makeExport(onLostExport);
    return overLostDevices(
      STALL_ATTEMPTS,
      (onLostDevice) => connect(info, either(onLostExport, onLostDevice)),
      () => disconnectLost(run, attachment, info.data['encrypted'] === true),
    );
  });
}

/** Takes a dead device away, so that it can be connected anew; its connection stays. */
export async function disconnectLost(
  run: Run,
  attachment: Attachment,
  encrypted: boolean,
): Promise<void> {
  const { role, volume, owner } = attachment;
  const about = formatVolume(volume);
  if (encrypted) {
    const name = `${role}.detachEncryptor`;
    await required(run, hostOf(owner.hostId), { name, about }, (host) =>
      host.detachEncryptor({ attachment }),
    );
  }
  const name = `${role}.disconnectVolume`;
  await required(run, hostOf(owner.hostId), { name, about }, (host) =>
    host.disconnectVolume({ attachment, force: false }),
  );
}

/** The undo of the copier: `forget` also drops its checkpoint, when the copy is over. */
export function fenceStep(
  run: Run,
  attachment: Attachment,
  properties: ConnectorProperties,
  forget: boolean,
): UndoStep {
  const { destination, hostId } = attachment.owner;
  const step = { name: 'fenceCopier', about: `${formatVolume(destination)} on ${hostId}` };
  const taken: Taken = {
    attachment,
    properties,
    what: 'copier',
    onHost: true,
    skippable: false,
  };
  return undoStep('copier', step, () =>
    takeBack(run, hostOf(hostId), step, taken, (host) =>
      host.fenceCopier({ destination, copyId: copyIdOf(attachment.owner), forget }),
    ),
  );
}

/** Puts back the state that was found before anything was attached, also when the copy fails. */
export function stateStep(
  run: Run,
  attachment: Attachment,
  properties: ConnectorProperties,
  found: Volume,
): UndoStep {
  const { role, volume } = attachment;
  const step = { name: `${role}.setVolumeState`, about: formatVolume(volume) };
  const taken: Taken = {
    attachment,
    properties,
    what: `state ${found.state}`,
    onHost: false,
    skippable: true,
  };
  // Whoever goes on finds the volume as this copy left it.
  const keep: UndoStep['suspend'] = () =>
    Promise.resolve({ outcome: 'skipped', because: 'the volume is kept' });
  return undoStep(
    role,
    step,
    () =>
      takeBack(run, backendOf(volume), step, taken, (backend) =>
        backend.setVolumeState({ volume, state: found.state }),
      ),
    keep,
  );
}
