import type { Info } from '@temporalio/activity';
import type { Backend } from '../storage/backend.ts';
import type { Connector } from '../connectors/connector.ts';
import type { Encryptor } from '../connectors/encryptor.ts';
import type { ConnectorProperties, Protocol } from '../contract/attachment.ts';
import type { LaneBudget } from '../copy/lane-budget.ts';
import type { HostCopySettings } from '../copy/plan.ts';
import type { HostState } from '../system/host-state.ts';
import type { Log } from '../system/log.ts';

/** What the steps of one host work with. */
export type HostContext = {
  state: HostState;
  connectors: Record<Protocol, Connector>;
  encryptor: Encryptor;
  /** Asked anew at the start of each copy: what can be connected may have changed. */
  properties: () => Promise<ConnectorProperties>;
  /** The host's own settings for copies. */
  copy: HostCopySettings;
  /** Shared by all copies and comparisons of this worker. */
  laneBudget: LaneBudget;
  log: Log;
};

/** What the steps of one backend work with. */
export type BackendContext = {
  backend: Backend;
  /** Directory of sealing keys. */
  keys: string;
};

/** The run whose step it is; only a step that no workflow started has none. */
export const runIdOf = ({ workflowExecution }: Info): string => workflowExecution?.runId ?? '';
