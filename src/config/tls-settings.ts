// The settings of TLS and of the Unix socket as data. Redis's names and defaults.

import { formatDuration } from '../bytes/units.ts'
import { defaultTlsSettings } from '../tls/settings.ts'
import { duration, oneOf, reader, secret, text, whole, yesNo } from './readers.ts'
import { asDuration, asPath, asSecret, asYesNo, type Setting, setting } from './setting.ts'

/** Longest path of a Unix socket: the system's `sun_path` without its end. Longer ones would be truncated silently. */
const MAX_SOCKET_PATH = process.platform === 'linux' ? 107 : 103

const PROTOCOLS = ['TLSv1.2', 'TLSv1.3']

const fallbacks = defaultTlsSettings()

export const tlsSettings = {
  /** The port for TLS; 0: none. With it, port 0 means no port without TLS. */
  tlsPort: setting({
    reads: whole(0, 65_535, 'a port'),
    fallback: 0,
    argument: '<port>',
    summary:
      'port to listen on for TLS; 0: none. With a TLS port or a Unix socket, --port 0 means no port without TLS',
    write: String,
  }),
  /** A PEM file: the certificate of this node, and those that lead from it to its CA. */
  tlsCertFile: file('certificate for TLS and its intermediate certificates, PEM'),
  /** A PEM file: the private key of the certificate. */
  tlsKeyFile: file('private key of the certificate, PEM'),
  /** The passphrase of an encrypted key. */
  tlsKeyFilePass: pass('passphrase of the private key'),
  /** For links to other nodes, where `tlsCertFile` is for servers only. */
  tlsClientCertFile: file('certificate that this node shows to other nodes', '<file>', 'tls-cert-file'),
  /** A PEM file: the private key of `tlsClientCertFile`. */
  tlsClientKeyFile: file('private key of that certificate', '<file>', 'tls-key-file'),
  /** The passphrase of `tlsClientKeyFile`. */
  tlsClientKeyFilePass: pass('passphrase of that key'),
  /** A PEM file: the CAs that clients and other nodes are verified by. */
  tlsCaCertFile: file('CA certificates by which clients and nodes are verified, PEM'),
  /** A folder of PEM files, with further CAs. */
  tlsCaCertDir: file('folder of such files, besides or instead of tls-ca-cert-file', '<folder>'),
  /** Whether clients must show a certificate. */
  tlsAuthClients: setting({
    reads: oneOf('yes', 'no', 'optional'),
    fallback: fallbacks.tlsAuthClients,
    argument: '<yes|no|optional>',
    summary: 'whether clients must present a certificate of one of the CAs',
    write: String,
  }),
  /** Whether the common name of a client's certificate is its user. */
  tlsAuthClientsUser: setting({
    reads: reader<'off' | 'CN', 'off' | 'CN'>('one of off, CN', (value) => {
      const word = typeof value === 'string' ? value.toLowerCase() : ''
      return word === 'cn' ? 'CN' : word === 'off' ? 'off' : undefined
    }),
    fallback: fallbacks.tlsAuthClientsUser,
    argument: '<off|CN>',
    summary: "CN: log clients in as the user named by their certificate's common name",
    write: String,
  }),
  /** Links between nodes use mutual TLS only. */
  tlsCluster: setting({
    reads: yesNo,
    fallback: fallbacks.tlsCluster,
    argument: '<yes|no>',
    summary: 'nodes connect to each other with mutual TLS only, on their TLS ports',
    write: asYesNo,
  }),
  /** `any`, `address` or a DNS name. */
  tlsClusterName: setting({
    reads: text("any, address, or a DNS name such as 'erinys.default.svc'", (name) =>
      /^[\w*][\w.-]*$/.test(name),
    ),
    fallback: fallbacks.tlsClusterName,
    argument: '<name>',
    summary:
      "what another node's certificate must be valid for: any (a CA has issued it), address (where it is reached), or a DNS name",
    write: String,
  }),
  /** `TLSv1.2`, `TLSv1.3`, or both. */
  tlsProtocols: setting({
    reads: text('TLSv1.2, TLSv1.3 or both, separated by a space', isProtocols),
    fallback: fallbacks.tlsProtocols,
    argument: '<versions>',
    summary: 'accepted versions of TLS',
    write: String,
  }),
  /** Ciphers for TLS 1.2, by OpenSSL's names, separated by colons. */
  tlsCiphers: names('ciphers for TLS 1.2, by the names of OpenSSL, separated by colons', '<ciphers>'),
  /** Ciphers for TLS 1.3, by OpenSSL's names, separated by colons. */
  tlsCiphersuites: names('ciphers for TLS 1.3, by the names of OpenSSL, separated by colons', '<ciphers>'),
  /** Whether the order of this node's ciphers takes precedence over that of the client. */
  tlsPreferServerCiphers: setting({
    reads: yesNo,
    fallback: fallbacks.tlsPreferServerCiphers,
    argument: '<yes|no>',
    summary: "prefer this node's order of ciphers to the client's",
    write: asYesNo,
  }),
  /** Connections whose handshake takes longer are closed. */
  tlsHandshakeTimeout: setting({
    reads: duration(10, 600_000),
    fallback: fallbacks.tlsHandshakeTimeout,
    argument: '<duration>',
    summary: 'close connections whose TLS handshake takes longer',
    write: formatDuration,
  }),
  /** How often the files of certificates and keys are checked for changes; 0: never. */
  tlsAutoReloadInterval: setting({
    reads: duration(0, 'timed'),
    fallback: fallbacks.tlsAutoReloadInterval,
    argument: '<duration>',
    summary: 'interval at which the TLS files are checked for changes and reloaded; 0: never',
    write: asDuration,
  }),
  /** The path of a Unix socket to listen on. */
  unixsocket: setting({
    reads: text(
      `a path of at most ${MAX_SOCKET_PATH} bytes`,
      (path) => !path.includes('\0') && Buffer.byteLength(path) <= MAX_SOCKET_PATH,
    ),
    fallback: '',
    argument: '<path>',
    summary: 'path of a Unix socket to listen on',
    fallbackText: 'none',
    isPath: true,
    write: asPath,
  }),
  /** The permissions of the Unix socket; 0: those that the system gives it. */
  unixsocketperm: setting<number, string | number>({
    reads: reader("permissions in octal as text, such as '770'", (value) => {
      if (value === 0) return 0
      return typeof value === 'string' && /^0?[0-7]{1,3}$/.test(value) ? Number.parseInt(value, 8) : undefined
    }),
    fallback: 0,
    argument: '<octal>',
    summary: 'permissions of the Unix socket',
    fallbackText: "those of the process's umask",
    write: (mode: number) => mode.toString(8),
  }),
}

/** The path of a file; empty: none. */
function file(summary: string, argument = '<file>', fallbackText = 'none'): Setting<string, string> {
  return {
    reads: text('a path', (path) => !path.includes('\0')),
    fallback: '',
    argument,
    summary,
    fallbackText,
    isPath: true,
    write: asPath,
  }
}

function pass(summary: string): Setting<string, string> {
  return {
    reads: secret,
    fallback: '',
    argument: '<passphrase>',
    summary,
    fallbackText: 'none',
    write: asSecret,
  }
}

function names(summary: string, argument: string): Setting<string, string> {
  return {
    reads: text('names separated by colons', (value) => /^[\w:!+@=.-]*$/.test(value)),
    fallback: '',
    argument,
    summary,
    fallbackText: "Node.js's",
    write: (value) => (value === '' ? 'default' : value),
  }
}

function isProtocols(value: string): boolean {
  const words = value.split(' ')
  return words.every((word) => PROTOCOLS.includes(word)) && new Set(words).size === words.length
}
