import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixedPort } from '../ports.ts';

/** Storage backends of Cinder, each served by a cinder-volume and pinned by a type of its name. */
export const POOLS = ['pool1', 'pool2'] as const;
export type Pool = (typeof POOLS)[number];

const PORTS = [
  'api',
  'broker',
  'distribution',
  'names',
  'portal',
  'keystone',
  'securedApi',
] as const;

/** Where one Cinder has its files and listens, all of it on loopback. */
export type Settings = { directory: string; ports: Record<(typeof PORTS)[number], number> };

type Sections = Record<string, Record<string, string | number>>;

export function ini(sections: Sections): string {
  const lines = Object.entries(sections).flatMap(([section, values]) => [
    `[${section}]`,
    ...Object.entries(values).map(([key, value]) => `${key} = ${value}`),
  ]);
  return `${lines.join('\n')}\n`;
}

function cinderConf({ directory, ports }: Settings): string {
  const at = (...names: string[]): string => join(directory, ...names);
  const pools: Sections = {};
  for (const pool of POOLS) {
    pools[pool] = { volume_backend_name: pool, volume_group: at('pools', pool) };
  }
  return ini({
    DEFAULT: {
      auth_strategy: 'noauth',
      transport_url: `rabbit://guest:guest@127.0.0.1:${ports.broker}/`,
      host: 'rig',
      my_ip: '127.0.0.1',
      osapi_volume_listen: '127.0.0.1',
      osapi_volume_listen_port: ports.api,
      osapi_volume_workers: 1,
      api_paste_config: '/etc/cinder/api-paste.ini',
      rootwrap_config: '/etc/cinder/rootwrap.conf',
      state_path: at('state'),
      rpc_response_timeout: 20,
      // The scheduler knows a pool from its next report on.
      backend_stats_polling_interval: 5,
      report_interval: 5,
      service_down_time: 30,
      quota_volumes: -1,
      quota_gigabytes: -1,
    },
    database: { connection: `sqlite:///${at('cinder.sqlite')}?timeout=30` },
    oslo_concurrency: { lock_path: at('locks') },
    key_manager: {
      backend: 'cinder.keymgr.conf_key_mgr.ConfKeyManager',
      fixed_key: randomBytes(32).toString('hex'),
    },
    // Without it the helper is started by sudo, which drops the environment.
    cinder_sys_admin: { helper_command: `privsep-helper --config-file ${at('cinder.conf')}` },
    backend_defaults: {
      volume_driver: 'file_driver.FileDriver',
      target_helper: 'tgtadm',
      target_protocol: 'iscsi',
      target_ip_address: '127.0.0.1',
      target_port: ports.portal,
      volumes_dir: at('exports'),
      volume_clear: 'none',
    },
    ...pools,
  });
}

/** tgt-admin as Cinder calls it, with a file of settings that is not the host's. */
async function wrapTgtAdmin(directory: string): Promise<void> {
  await writeFile(join(directory, 'targets.conf'), `include ${directory}/exports/*\n`);
  const script = `#!/bin/sh\nexec /usr/sbin/tgt-admin -c ${directory}/targets.conf "$@"\n`;
  await writeFile(join(directory, 'bin', 'tgt-admin'), script, { mode: 0o755 });
}

/** Writes everything down that Cinder and its helpers read. */
export async function writeSettings(directory: string): Promise<Settings> {
  const folders = ['bin', 'exports', 'locks', 'logs', 'rabbit', 'state'];
  for (const name of [...folders, ...POOLS.map((pool) => join('pools', pool))]) {
    await mkdir(join(directory, name), { recursive: true });
  }
  const ports = {} as Settings['ports'];
  for (const name of PORTS) ports[name] = await fixedPort();
  const settings = { directory, ports };
  await writeFile(join(directory, 'cinder.conf'), cinderConf(settings));
  for (const pool of POOLS) {
    await writeFile(join(directory, `${pool}.conf`), ini({ DEFAULT: { enabled_backends: pool } }));
  }
  await wrapTgtAdmin(directory);
  return settings;
}

/** Environment of every program of this Cinder; children inherit it. */
export function environment({ directory, ports }: Settings): NodeJS.ProcessEnv {
  return {
    ...process.env,
    LC_ALL: 'C.UTF-8',
    PATH: `${join(directory, 'bin')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    PYTHONPATH: import.meta.dirname,
    PYTHONDONTWRITEBYTECODE: '1',
    // tgtd and tgtadm meet here and not where the host's own do.
    TGT_IPC_SOCKET: join(directory, 'tgtd'),
    HOME: join(directory, 'rabbit'),
    RABBITMQ_BASE: join(directory, 'rabbit'),
    RABBITMQ_MNESIA_BASE: join(directory, 'rabbit', 'db'),
    RABBITMQ_LOG_BASE: join(directory, 'logs'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'rabbit', 'plugins'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_NODENAME: 'rig@localhost',
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(ports.broker),
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(ports.names),
    OS_KEYSTONE_CONFIG_FILES: join(directory, 'keystone.conf'),
  };
}
