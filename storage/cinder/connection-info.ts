import { z } from 'zod';
import type { Attachment, ConnectionInfo, IscsiData } from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import { formatVolume } from '../../contract/volume.ts';

/** As an attachment has it: the keys of the driver's data beside its type (cinder api-ref). */
export const connectionInfo = z.looseObject({
  driver_volume_type: z.string(),
  volume_id: z.string().nullish(),
  access_mode: z.string().nullish(),
  encrypted: z.boolean().nullish(),
});
export type CinderConnection = z.infer<typeof connectionInfo>;

const first = <T extends z.ZodType>(item: T) => z.array(item).min(1);

/** cinder/volume/targets/iscsi.py: the plain keys, or lists with a way each. */
const iscsi = z
  .object({
    target_portal: z.string().optional(),
    target_iqn: z.string().optional(),
    target_lun: z.int().optional(),
    target_portals: first(z.string()).optional(),
    target_iqns: first(z.string()).optional(),
    target_luns: first(z.int()).optional(),
    auth_method: z.literal('CHAP'),
    auth_username: z.string(),
    auth_password: z.string(),
  })
  .transform((data) => ({
    target_portal: data.target_portal ?? data.target_portals?.[0],
    target_iqn: data.target_iqn ?? data.target_iqns?.[0],
    target_lun: data.target_lun ?? data.target_luns?.[0],
    auth_method: data.auth_method,
    auth_username: data.auth_username,
    auth_password: data.auth_password,
  }))
  .refine(
    (data): data is Omit<IscsiData, 'access_mode' | 'encrypted'> =>
      [data.target_portal, data.target_iqn, data.target_lun].every((part) => part !== undefined),
    'target_portal, target_iqn or target_lun is missing',
  );

/**
 * What a host can use of it. Cinder's own `access_mode` says `rw` also for an attachment that was
 * asked for as `ro`, so that the stricter one counts.
 * @throws ProtocolUnavailable, WrongDevice, VolumeReadOnly
 */
export function readConnection(
  info: CinderConnection,
  { volume, accessMode }: Attachment,
  host: string,
): ConnectionInfo {
  const { driver_volume_type: protocol, volume_id: of, encrypted } = info;
  if (typeof of === 'string' && of !== volume.id) {
    const because = `its connection is of volume ${of}`;
    throw new DrayError('WrongDevice', { device: protocol, volume: formatVolume(volume), because });
  }
  if (info.access_mode === 'ro' && accessMode === 'rw') {
    throw new DrayError('VolumeReadOnly', { volume: formatVolume(volume) });
  }
  const unusable = (because: string): DrayError =>
    new DrayError('ProtocolUnavailable', { host, protocol, because });
  if (protocol !== 'iscsi') throw unusable('Drayage has no connector for it');
  const parsed = iscsi.safeParse(info);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => [...path, message].join(' '));
    throw unusable(`its connection info cannot be used: ${problems.join(', ')}`);
  }
  return {
    driverVolumeType: 'iscsi',
    data: { ...parsed.data, access_mode: accessMode, encrypted: encrypted === true },
  };
}
