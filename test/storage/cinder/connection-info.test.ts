import { expect, it } from 'vitest';
import { readConnection } from '../../../storage/cinder/connection-info.ts';
import { attachmentOf } from '../workbench.ts';

const chap = { auth_method: 'CHAP', auth_username: 'user', auth_password: 'secret' };
const way = {
  target_portal: '10.0.0.1:3260',
  target_iqn: 'iqn.2010-10.org.openstack:v',
  target_lun: 1,
};
const attachment = attachmentOf('v', 'one', 'ro');

const read = (data: object, protocol = 'iscsi') =>
  readConnection({ driver_volume_type: protocol, ...data }, attachment, 'mover');

it('takes what a host needs, with our own access mode, and leaves what it does not know', () => {
  const rest = { volume_id: 'v', access_mode: 'rw', qos_specs: null, encrypted: null, new_key: {} };
  expect(read({ ...way, ...chap, ...rest })).toEqual({
    driverVolumeType: 'iscsi',
    data: { ...way, ...chap, access_mode: 'ro', encrypted: false },
  });
});

it('takes the first of several ways', () => {
  const ways = {
    target_portals: ['10.0.0.1:3260', '10.0.1.1:3260'],
    target_iqns: [way.target_iqn, way.target_iqn],
    target_luns: [1, 1],
  };
  expect(read({ ...ways, ...chap }).data).toMatchObject(way);
});

it.each([
  ['another protocol', 'rbd', { ...way, ...chap }, 'no connector'],
  ['no CHAP', 'iscsi', way, 'auth_method'],
  ['no portal', 'iscsi', { ...way, ...chap, target_portal: undefined }, 'target_portal'],
])('refuses %s', (_, protocol, data, because) => {
  expect(() => read(data, protocol)).toThrow(because);
  expect(() => read(data, protocol)).toThrow(
    expect.objectContaining({ code: 'ProtocolUnavailable' }),
  );
});

it('refuses to write where Cinder says read-only', () => {
  const info = { driver_volume_type: 'iscsi', ...way, ...chap, access_mode: 'ro' };
  expect(() => readConnection(info, attachmentOf('v', 'one', 'rw'), 'mover')).toThrow(
    expect.objectContaining({ code: 'VolumeReadOnly' }),
  );
  expect(readConnection(info, attachment, 'mover').data).toMatchObject({ access_mode: 'ro' });
});

it('refuses the connection of another volume', () => {
  expect(() => read({ ...way, ...chap, volume_id: 'other' })).toThrow(
    expect.objectContaining({ code: 'WrongDevice' }),
  );
});
