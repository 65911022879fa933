"""Cinder's own LVM driver over a directory of sparse files, for hosts without device-mapper.

Exports (tgt with CHAP), connection info and the handling of states stay Cinder's own; only the
volume group is replaced.
"""

import os

from cinder import interface
from cinder.volume.drivers import lvm

GIB = 1 << 30
POOL_GIB = 100.0


class Directory:
    """What LVMVolumeDriver uses of cinder.brick.local_dev.lvm.LVM."""

    vg_size = POOL_GIB
    vg_thin_pool_size = vg_thin_pool_free_space = 0.0

    def __init__(self, path):
        self.vg_name = path
        self.vg_uuid = os.path.basename(path)

    def path_of(self, name):
        return os.path.join(self.vg_name, name)

    def get_volume(self, name):
        return next((each for each in self.get_volumes() if each['name'] == name), None)

    def get_volumes(self):
        names = os.listdir(self.vg_name)
        return [{'name': n, 'size': os.path.getsize(self.path_of(n)) / GIB} for n in names]

    @property
    def vg_provisioned_capacity(self):
        return sum(each['size'] for each in self.get_volumes())

    @property
    def vg_free_space(self):
        return self.vg_size - self.vg_provisioned_capacity

    def create_volume(self, name, size, lvm_type='default', mirror_count=0):
        with open(self.path_of(name), 'xb') as file:
            file.truncate(int(size.rstrip('g')) * GIB)

    def delete(self, name):
        os.unlink(self.path_of(name))

    def lv_has_snapshot(self, name):
        return False

    def activate_lv(self, *args, **kwargs):
        """A file needs none."""

    deactivate_lv = update_volume_group_info = activate_lv


@interface.volumedriver
class FileDriver(lvm.LVMVolumeDriver):
    """`volume_group` of the configuration is a directory."""

    def check_for_setup_error(self):
        self.configuration.lvm_type = 'default'
        self.vg = Directory(self.configuration.volume_group)

    def local_path(self, volume, vg=None):
        return self.vg.path_of(volume['name'])

    def create_export(self, context, volume, connector, vg=None):
        made = self.target_driver.create_export(context, volume, self.local_path(volume))
        return {'provider_location': made['location'], 'provider_auth': made['auth']}

    def ensure_export(self, context, volume):
        return self.target_driver.ensure_export(context, volume, self.local_path(volume))
