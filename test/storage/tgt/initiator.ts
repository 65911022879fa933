import { execa } from 'execa';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionInfo, IscsiData } from '../../../contract/attachment.ts';
import { runTool, type ToolResult } from '../../../system/run.ts';
import { INITIATOR } from '../workbench.ts';

export function iscsiData(info: ConnectionInfo): IscsiData {
  if (info.driverVolumeType !== 'iscsi') throw new Error('not an iSCSI connection');
  return info.data;
}

/** Logs in by libiscsi's own tool and asks for the unit serial number, VPD page 0x80. */
export async function inquire(data: IscsiData, initiator = INITIATOR): Promise<ToolResult> {
  const url = `iscsi://${data.target_portal}/${data.target_iqn}/${data.target_lun}`;
  return runTool('iscsi-inq', ['-i', initiator, '-e', '1', '-c', '128', url], {
    env: {
      LIBISCSI_CHAP_USERNAME: data.auth_username,
      LIBISCSI_CHAP_PASSWORD: data.auth_password,
    },
    timeoutSeconds: 20,
  });
}

export const serialLine = (serial: string): string => `Unit Serial Number:[${serial.padStart(36)}]`;

/** A client that stays logged in and connects again by itself, as QEMU does. */
export type LiveClient = {
  /** Answers what qemu-io printed for the command, once it has ended. */
  io(command: string, seconds?: number): Promise<string>;
  end(): Promise<void>;
};

export async function connectLive(
  directory: string,
  data: IscsiData,
  readOnly: boolean,
): Promise<LiveClient> {
  const secret = join(directory, 'chap-secret');
  await writeFile(secret, data.auth_password, { mode: 0o600 });
  const image = [
    `driver=iscsi,transport=tcp,portal=${data.target_portal},target=${data.target_iqn}`,
    `lun=${data.target_lun},user=${data.auth_username},password-secret=chap`,
    `initiator-name=${INITIATOR}`,
  ].join(',');
  const object = `secret,id=chap,file=${secret}`;
  const flags = readOnly ? ['-r'] : [];
  const child = execa('qemu-io', [...flags, '--object', object, '--image-opts', image], {
    reject: false,
    all: true,
    buffer: false,
  });
  let output = '';
  child.all.on('data', (part: Buffer) => (output += part.toString()));
  const answer = async (seconds: number): Promise<string> => {
    const deadline = performance.now() + seconds * 1000;
    // The prompt comes back when a command has ended.
    while (!output.endsWith('qemu-io> ')) {
      if (performance.now() > deadline) throw new Error(`no answer of qemu-io: ${output}`);
      if (child.exitCode !== null) throw new Error(`qemu-io ended: ${output}`);
      await sleep(20);
    }
    const said = output;
    output = '';
    return said;
  };
  await answer(20);
  return {
    async io(command, seconds = 30) {
      child.stdin.write(`${command}\n`);
      return answer(seconds);
    },
    async end() {
      child.kill('SIGKILL');
      await child;
    },
  };
}
