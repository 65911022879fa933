import type { Attachment } from '../contract/attachment.ts';
import type { DeviceView, HostView, InspectInput } from '../contract/inspection.ts';
import { whySilent } from '../copy/probe.ts';
import { copierDirectory, copierPids } from '../copy/lease.ts';
import { readClaim } from '../system/claims.ts';
import type { HostState } from '../system/host-state.ts';

async function deviceOf({ dirs }: HostState, { id }: Attachment): Promise<DeviceView> {
  const claim = await readClaim(dirs.claims, id);
  if (claim?.device === undefined) return { claimed: claim !== undefined };
  const { path } = claim.device;
  const silent = await whySilent(path);
  return { claimed: true, path, ...(silent === undefined ? {} : { silent }) };
}

/** What this host has of a copy, read from the host itself. Changes nothing. */
export async function inspectHost(state: HostState, input: InspectInput): Promise<HostView> {
  const { destination, attachments } = input;
  const devices = await Promise.all(
    attachments.map(async (attachment) => [attachment.id, await deviceOf(state, attachment)]),
  );
  return {
    epoch: state.epoch.number,
    copierPids:
      destination === undefined ? [] : await copierPids(copierDirectory(state, destination)),
    devices: Object.fromEntries(devices) as HostView['devices'],
  };
}
