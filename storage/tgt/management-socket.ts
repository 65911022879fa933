import { createConnection } from 'node:net';
import { DrayError } from '../../contract/errors.ts';

/** Where tgtd listens, as tgtadm finds it: $TGT_IPC_SOCKET or this, then the control port. */
const DEFAULT_SOCKET = '/var/run/tgtd/socket';

/** struct tgtadm_req of tgt 1.0: 120 bytes, little endian, then the parameters as text. */
const HEADER_BYTES = 120;
const MODE_ACCOUNT = 7;
const OP_NEW = 0;
const NO_TARGET = -1;
const NO_LUN = 0xffff_ffff_ffff_ffffn;
/** TGTADM_USER_EXIST of enum tgtadm_errno. */
const USER_EXISTS = 14;
const TIMEOUT_MS = 10_000;

export function managementSocket(controlPort: number): string {
  return `${process.env['TGT_IPC_SOCKET'] ?? DEFAULT_SOCKET}.${controlPort}`;
}

function accountRequest(user: string, password: string): Buffer {
  const parameters = Buffer.from(`user=${user},password=${password}\0`);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(MODE_ACCOUNT, 0);
  header.writeUInt32LE(OP_NEW, 4);
  header.write('iscsi', 8, 'latin1');
  header.writeUInt32LE(HEADER_BYTES + parameters.length, 72);
  header.writeInt32LE(NO_TARGET, 76);
  header.writeBigUInt64LE(NO_LUN, 88);
  return Buffer.concat([header, parameters]);
}

/** Sends one request and reads until tgtd closes the connection. */
function exchange(path: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = createConnection(path, () => socket.write(request));
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')));
    socket.on('data', (part) => parts.push(part));
    socket.on('error', reject);
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(Buffer.concat(parts)));
  });
}

/**
 * Makes a CHAP account; one of that name that exists already is left as it is. tgtadm takes the
 * password only as an argument, where every user of the host can read it; hence its own protocol.
 * @throws BackendUnavailable, ToolFailed
 */
export async function createAccount(
  backend: string,
  controlPort: number,
  user: string,
  password: string,
): Promise<void> {
  let answer: Buffer;
  try {
    answer = await exchange(managementSocket(controlPort), accountRequest(user, password));
  } catch (error) {
    const because = (error as Error).message;
    throw new DrayError('BackendUnavailable', { backend, because }, { cause: error });
  }
  const status = answer.length < 8 ? undefined : answer.readUInt32LE(0);
  if (status === undefined) {
    const because = 'tgtd closed its control socket';
    throw new DrayError('BackendUnavailable', { backend, because });
  }
  if (status !== 0 && status !== USER_EXISTS) {
    const stderr = 'an account cannot be made';
    throw new DrayError('ToolFailed', { tool: 'tgtd', status: `error ${status}`, stderr });
  }
}
