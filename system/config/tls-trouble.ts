import type { TLSConfig } from '@temporalio/client';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';

/** TLS 1.3 has a client connected before the server has looked at its certificate. */
const REFUSAL_MILLISECONDS = 1_000;
/** Of silence, after gRPC has waited already: a person waits for what a command says. */
const SILENCE_MILLISECONDS = 600;

const UNTRUSTED = 'this host does not trust who signed its certificate (server_ca_cert_path)';
const UNREADABLE =
  'the client certificate or its key cannot be read (client_cert_path, client_key_path)';

/** Codes of OpenSSL as Node has them, in the words of the profile's own settings. */
const REASONS: Record<string, string> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: "its certificate is not valid yet; look at this host's clock",
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name (server_name)',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'it asks for a client certificate, and none is given (client_cert_path, client_key_path)',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA:
    'it does not trust who signed the client certificate (client_cert_path)',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the client certificate has expired (client_cert_path)',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED:
    'the client certificate has been revoked (client_cert_path)',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it refuses the client certificate (client_cert_path)',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'it refuses the client certificate (client_cert_path)',
  ERR_OSSL_X509_KEY_VALUES_MISMATCH:
    'the key does not belong to the client certificate (client_key_path, client_cert_path)',
  ERR_OSSL_UNSUPPORTED: UNREADABLE,
  ERR_OSSL_PEM_NO_START_LINE: UNREADABLE,
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS, and the settings want it (tls)',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS, and the settings want it (tls)',
};

/** Undefined for what is no matter of TLS, as a host that cannot be reached. */
function reasonOf({ code = '', message }: NodeJS.ErrnoException): string | undefined {
  return REASONS[code] ?? (/^ERR_(SSL|OSSL|TLS)_/.test(code) ? message : undefined);
}

/** Connects, and tells what either end has against it, also within that time afterwards. */
async function handshake(
  options: ConnectionOptions,
  refusalMilliseconds: number,
): Promise<'done' | NodeJS.ErrnoException> {
  let socket: TLSSocket | undefined;
  try {
    return await new Promise((resolve, reject) => {
      const opened = connect(options);
      socket = opened;
      opened.setTimeout(SILENCE_MILLISECONDS, () => reject(new Error('no answer in time')));
      opened.once('error', reject);
      opened.once('secureConnect', () => {
        opened.setTimeout(0);
        setTimeout(() => resolve('done'), refusalMilliseconds);
      });
    });
  } catch (error) {
    return error as NodeJS.ErrnoException;
  } finally {
    socket?.on('error', () => undefined).destroy();
  }
}

/**
 * What is wrong with TLS between this host and an address, which gRPC does not tell; undefined for
 * nothing. `tls`: undefined where the settings have none.
 */
export async function tlsTrouble(
  address: string,
  tls: TLSConfig | boolean | null | undefined,
): Promise<string | undefined> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/[[\]]/g, '');
  const where = { host, port: Number(address.slice(colon + 1)), ALPNProtocols: ['h2'] };
  if (!tls) {
    const answer = await handshake({ ...where, rejectUnauthorized: false }, 0);
    // An alert is TLS as well.
    const speaksIt = answer === 'done' || /_ALERT_/.test(answer.code ?? '');
    return speaksIt ? 'it speaks TLS, and the settings have none (tls)' : undefined;
  }
  const { serverNameOverride, serverRootCACertificate, clientCertPair } = tls === true ? {} : tls;
  const options = {
    ...where,
    ...(serverNameOverride ? { servername: serverNameOverride } : {}),
    ...(serverRootCACertificate ? { ca: Buffer.from(serverRootCACertificate) } : {}),
    ...(clientCertPair
      ? { cert: Buffer.from(clientCertPair.crt), key: Buffer.from(clientCertPair.key) }
      : {}),
  };
  const answer = await handshake(options, REFUSAL_MILLISECONDS);
  return answer === 'done' ? undefined : reasonOf(answer);
}
