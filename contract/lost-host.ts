import type { LostHost } from './copy.ts';

/** What became of a lost host, as details, `show` and `why` tell it. */
export function renderLost({ host, at, because, cutOff, next, attachments }: LostHost): string {
  const gone = `host ${host} was lost at ${at}: ${because}`;
  const access =
    cutOff.length > 0
      ? `its access to ${cutOff.join(' and ')} was taken away, as the backend has proven`
      : `its access is not taken away${attachments.length > 0 ? ' yet' : ': it had none'}`;
  const goesOn = next === undefined ? [] : [`${next} goes on`];
  const gives =
    attachments.length > 0 ? ['when it is back it gives up by itself what it still has'] : [];
  return [gone, access, ...goesOn, ...gives].join('; ');
}
