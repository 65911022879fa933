/** The steps of a copy in their order; undo steps of the two volumes go side by side. */
export const ATTACH_STEPS = ['destination', 'source'].flatMap((role) =>
  [
    'createExport',
    'initializeConnection',
    'connectVolume',
    'completeConnection',
    'proveDevice',
  ].map((verb) => `${role}.${verb}`),
);

export const UNDO_STEPS = ['destination', 'source'].flatMap((role) =>
  ['disconnectVolume', 'terminateConnection', 'removeExport', 'setVolumeState'].map(
    (verb) => `${role}.${verb}`,
  ),
);

/** All but the two that move data, which are hit in their middle. */
export const CONTROL_STEPS = [
  'source.describeVolume',
  'destination.describeVolume',
  'getConnectorProperties',
  ...ATTACH_STEPS,
  'planCopy',
  'fenceCopier',
  ...UNDO_STEPS,
  'certify',
];

/** Steps before which at least one volume is connected: a qemu-storage-daemon runs. */
export const CONNECTED_STEPS = [
  'destination.completeConnection',
  'destination.proveDevice',
  ...ATTACH_STEPS.filter((step) => step.startsWith('source.')),
  'planCopy',
  'fenceCopier',
  'destination.disconnectVolume',
  'source.disconnectVolume',
];

export const LEFT_OUT = [
  `the copier at any step but copyData and verifyCopy: it lives only there`,
  `qemu-storage-daemon at ${CONTROL_STEPS.filter((s) => !CONNECTED_STEPS.includes(s)).join(', ')}: none runs before those steps`,
  'two processes: only the two workers are killed at every step, each other fault comes once, in copyData',
  'a comparison at any step but compareVolumes: it attaches and detaches as a copy does',
  'attachEncryptor and detachEncryptor: they run only for encrypted volumes, which these are not',
];
