import type { DeviceIdentity, IscsiData } from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import { runTool } from '../../system/run.ts';
import { loginError } from './login-errors.ts';

/** For each of the two questions; a target that is away gives no answer. */
const ANSWER_SECONDS = 15;

/** Asks over a login of its own; credentials go by environment, as libiscsi takes them. */
async function ask(
  tool: string,
  args: readonly string[],
  data: IscsiData,
  initiator: string,
): Promise<string> {
  const url = `iscsi://${data.target_portal}/${data.target_iqn}/${data.target_lun}`;
  const env = {
    LIBISCSI_CHAP_USERNAME: data.auth_username,
    LIBISCSI_CHAP_PASSWORD: data.auth_password,
  };
  const options = { env, timeoutSeconds: ANSWER_SECONDS };
  const result = await runTool(tool, ['-i', initiator, ...args, url], options).catch(
    (error: unknown) => {
      if (!(error instanceof DrayError) || error.code !== 'ToolFailed') throw error;
      throw loginError(error.message, data);
    },
  );
  if (result.status !== 0) throw loginError(`${result.stdout}\n${result.stderr}`, data);
  return result.stdout;
}

function field(text: string, pattern: RegExp, data: IscsiData): string {
  const value = pattern.exec(text)?.[1];
  if (value === undefined) throw loginError(`unexpected answer: ${text}`, data);
  return value.trim();
}

/**
 * What the unit says it is: serial from VPD page 0x80, where targets pad it on the left, and size
 * from READ CAPACITY(16). @throws TargetUnreachable, LoginRefused, ToolMissing
 */
export async function askUnit(data: IscsiData, initiator: string): Promise<DeviceIdentity> {
  const [page, capacity] = await Promise.all([
    ask('iscsi-inq', ['-e', '1', '-c', '128'], data, initiator),
    ask('iscsi-readcapacity16', [], data, initiator),
  ]);
  const last = field(capacity, /RETURNED LOGICAL BLOCK ADDRESS:\s*(\d+)/, data);
  const block = field(capacity, /LOGICAL BLOCK LENGTH IN BYTES:\s*(\d+)/, data);
  const sizeBytes = (Number(last) + 1) * Number(block);
  if (!Number.isSafeInteger(sizeBytes)) throw loginError(`unexpected answer: ${capacity}`, data);
  return { serial: field(page, /Unit Serial Number:\[(.*)\]/s, data), sizeBytes };
}
