import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';
import { DrayError } from '../../contract/errors.ts';
import { whyRefused } from './refused.ts';
import type { Config } from './schema.ts';
import { tlsTrouble } from './tls-trouble.ts';

/** How long a dead address may go unnoticed: with the start of the program, 3 s. */
const CONNECT_MILLISECONDS = 2_000;

export type TemporalSettings = {
  /** Fits the client's Connection and the worker's NativeConnection. */
  connection: Pick<ConnectionOptions, 'metadata'> & {
    address: string;
    apiKey?: string;
    tls?: Exclude<ConnectionOptions['tls'], undefined>;
  };
  namespace: string;
  /** An address was named by configuration or environment: nothing is to be started then. */
  isNamed: boolean;
};

type EnvConfig = ReturnType<typeof toClientOptions>;

function loadEnvConfig(profile: string | undefined): EnvConfig {
  try {
    const found = loadClientConfigProfile(profile === undefined ? {} : { profile });
    const { clientCert, clientKey } = found.tls ?? {};
    // The SDK would go on without a certificate.
    if ((clientCert === undefined) !== (clientKey === undefined)) {
      throw new Error('tls: client_cert and client_key need each other');
    }
    return toClientOptions(found);
  } catch (error) {
    const file = process.env['TEMPORAL_CONFIG_FILE'] ?? "temporal.toml of Temporal's own tools";
    const problems = `profile ${profile ?? 'default'}: ${(error as Error).message}`;
    throw new DrayError('ConfigInvalid', { file, problems }, { cause: error });
  }
}

/**
 * Where Temporal is: the configured address, else the configured profile or the default one and
 * TEMPORAL_* (envconfig of Temporal's own tools), else 127.0.0.1 at the port of `dray server`.
 * A configured address uses TLS and key of the profile only if one is configured beside it.
 * @throws ConfigInvalid
 */
export function temporalSettings({ temporal }: Config): TemporalSettings {
  const useEnvironment = temporal.address === undefined || temporal.profile !== undefined;
  const found = useEnvironment ? loadEnvConfig(temporal.profile) : undefined;
  const { address: foundAddress, apiKey, tls, metadata } = found?.connectionOptions ?? {};
  const named = temporal.address ?? foundAddress;
  return {
    connection: {
      address: named ?? `127.0.0.1:${temporal.port}`,
      ...(typeof apiKey === 'string' ? { apiKey } : {}),
      ...(tls === undefined || tls === null ? {} : { tls }),
      ...(metadata === undefined ? {} : { metadata }),
    },
    namespace: temporal.namespace ?? found?.namespace ?? 'default',
    isNamed: named !== undefined,
  };
}

/**
 * A client with a working connection; end it with `client.connection.close()`.
 * @throws TemporalUnreachable, TemporalUntrusted, TemporalDenied, ConfigInvalid; the first within 3 s
 */
export async function connectClient(
  config: Config,
  connectTimeout = CONNECT_MILLISECONDS,
): Promise<Client> {
  const { connection: options, namespace } = temporalSettings(config);
  const refused = await whyRefused(options.address);
  if (refused !== undefined) {
    throw new DrayError('TemporalUnreachable', { address: options.address, because: refused });
  }
  let connection: Connection | undefined;
  try {
    connection = Connection.lazy({ ...options, connectTimeout });
    await connection.ensureConnected();
  } catch (error) {
    await connection?.close();
    throw await whyNoConnection(options, error);
  }
  return new Client({ connection, namespace });
}

/** gRPC status codes PERMISSION_DENIED and UNAUTHENTICATED. */
const DENIED = [7, 16];

/** What it failed of, which gRPC tells of keys and not of certificates. */
async function whyNoConnection(
  { address, tls }: TemporalSettings['connection'],
  error: unknown,
): Promise<DrayError> {
  const { code, details } = ((error as Error).cause ?? {}) as { code?: number; details?: string };
  if (code !== undefined && DENIED.includes(code)) {
    return new DrayError('TemporalDenied', { address, because: details ?? '' }, { cause: error });
  }
  const because = await tlsTrouble(address, tls);
  if (because === undefined) return unreachable(address, error);
  return new DrayError('TemporalUntrusted', { address, because }, { cause: error });
}

/** What gRPC says, behind what Temporal's client says of it. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}

/** The catalogue's error for a connection that failed. */
export function unreachable(address: string, error: unknown): DrayError {
  const because = reasonOf(error);
  return new DrayError('TemporalUnreachable', { address, because }, { cause: error });
}
