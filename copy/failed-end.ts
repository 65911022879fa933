import type { Role } from '../contract/volume.ts';
import { errnoOfMessage } from './errnos.ts';

/**
 * Which end a copier's message is about, by the descriptor it names, and the errno at its end:
 * `error reading '/dev/fd/3': Input/output error`.
 */
export function failedEnd(message: string): { role: Role; errno: string | undefined } | undefined {
  const descriptor = /'\/dev\/fd\/([34])'/.exec(message)?.[1];
  if (descriptor === undefined) return undefined;
  const reason = message.slice(message.lastIndexOf(': ') + 2);
  const errno = /^E[A-Z0-9]{2,}$/.test(reason) ? reason : errnoOfMessage(reason);
  return { role: descriptor === '3' ? 'source' : 'destination', errno };
}
