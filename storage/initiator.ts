import type { ConnectorProperties } from '../contract/attachment.ts';
import { DrayError } from '../contract/errors.ts';

/** The IQN that a host logs in with. @throws ProtocolUnavailable with the host's own reason */
export function initiatorOf(properties: ConnectorProperties): string {
  const { initiator, host, protocols, unavailable } = properties;
  if (initiator !== undefined && protocols.includes('iscsi')) return initiator;
  const because = unavailable.iscsi ?? 'it has no initiator name';
  throw new DrayError('ProtocolUnavailable', { host, protocol: 'iscsi', because });
}
