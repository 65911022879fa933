import { arch, networkInterfaces } from 'node:os';
import type { ConnectorProperties, Protocol } from '../contract/attachment.ts';
import type { Connector } from './connector.ts';
import { iscsiConnector, type IscsiContext } from './iscsi/connector.ts';
import { localConnector } from './local.ts';

/** Every connector this version has, whether this host can use it or not. */
export function openConnectors(context: IscsiContext): Record<Protocol, Connector> {
  return { local: localConnector(), iscsi: iscsiConnector(context) };
}

/** IQN of a host that has none configured. iSCSI names are lower case (RFC 3722). */
export function defaultInitiator(hostId: string): string {
  return `iqn.2026-11.io.drayage:${hostId.toLowerCase()}`;
}

/** `uname -m` by Node's name of the architecture, which os-brick sends. */
function platform(): string {
  const machines: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i686' };
  return machines[arch()] ?? arch();
}

/** First address that others could reach this host at. */
function hostAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find((address) => !address.internal)?.address ?? '127.0.0.1';
}

/** What backends are told of this host, with what it can connect now and why not the rest. */
export async function connectorProperties(
  hostId: string,
  connectors: Record<Protocol, Connector>,
  initiator: string,
): Promise<ConnectorProperties> {
  const protocols: Protocol[] = [];
  const unavailable: ConnectorProperties['unavailable'] = {};
  for (const connector of Object.values(connectors)) {
    const because = await connector.unavailable();
    if (because === undefined) protocols.push(connector.protocol);
    else unavailable[connector.protocol] = because;
  }
  return {
    host: hostId,
    ip: hostAddress(),
    platform: platform(),
    os_type: 'linux',
    multipath: false,
    do_local_attach: false,
    ...(protocols.includes('iscsi') ? { initiator } : {}),
    protocols,
    unavailable,
  };
}
