// The settings of TLS as plain values, by Redis's names; CONFIG SET changes most of them.

/** Whether a client must show a certificate: `yes`, `no` (it is not asked for one), or `optional`. */
type AuthClients = 'yes' | 'no' | 'optional'

/** Files as absolute paths; an empty text means none. */
export interface TlsSettings {
  /** The certificate of this node and those that lead from it to the CA, PEM. */
  tlsCertFile: string
  tlsKeyFile: string
  tlsKeyFilePass: string
  /** The certificate that this node shows to other nodes; by default that of the node. */
  tlsClientCertFile: string
  tlsClientKeyFile: string
  tlsClientKeyFilePass: string
  /** The certificates of the CAs that clients and other nodes are verified by, PEM. */
  tlsCaCertFile: string
  tlsCaCertDir: string
  tlsAuthClients: AuthClients
  /** `CN`: the common name of a client's certificate is the name of its user. */
  tlsAuthClientsUser: 'off' | 'CN'
  /** Links between nodes use TLS, and nothing else. */
  tlsCluster: boolean
  /** The name in the certificate of another node: `any`, `address` (where it is reached), or a DNS name. */
  tlsClusterName: string
  /** `TLSv1.2`, `TLSv1.3` or both. */
  tlsProtocols: string
  /** OpenSSL's names of ciphers for TLS 1.2, separated by colons. */
  tlsCiphers: string
  /** The same for TLS 1.3. */
  tlsCiphersuites: string
  tlsPreferServerCiphers: boolean
  /** How long a client may take for its handshake, ms. */
  tlsHandshakeTimeout: number
  /** How often the files are looked at, ms; 0: never. */
  tlsAutoReloadInterval: number
}

/** The settings that a running node takes over. */
export const RELOADABLE_TLS = [
  'tlsCertFile',
  'tlsKeyFile',
  'tlsKeyFilePass',
  'tlsClientCertFile',
  'tlsClientKeyFile',
  'tlsClientKeyFilePass',
  'tlsCaCertFile',
  'tlsCaCertDir',
  'tlsAuthClients',
  'tlsAuthClientsUser',
  'tlsClusterName',
  'tlsProtocols',
  'tlsCiphers',
  'tlsCiphersuites',
  'tlsPreferServerCiphers',
  'tlsHandshakeTimeout',
  'tlsAutoReloadInterval',
] as const satisfies readonly (keyof TlsSettings)[]

/** Redis's defaults. */
export function defaultTlsSettings(): TlsSettings {
  return {
    tlsCertFile: '',
    tlsKeyFile: '',
    tlsKeyFilePass: '',
    tlsClientCertFile: '',
    tlsClientKeyFile: '',
    tlsClientKeyFilePass: '',
    tlsCaCertFile: '',
    tlsCaCertDir: '',
    tlsAuthClients: 'yes',
    tlsAuthClientsUser: 'off',
    tlsCluster: false,
    tlsClusterName: 'any',
    tlsProtocols: 'TLSv1.2 TLSv1.3',
    tlsCiphers: '',
    tlsCiphersuites: '',
    tlsPreferServerCiphers: false,
    tlsHandshakeTimeout: 10_000,
    tlsAutoReloadInterval: 1000,
  }
}
