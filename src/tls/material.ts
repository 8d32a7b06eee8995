// The TLS material: the certificate and key of this node, and the CAs. Loaded together, and checked together.

import type { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls'
import { type PrivateKey, readCertificateFolder, readCertificates, readKey, TlsError } from './pem.ts'
import type { TlsSettings } from './settings.ts'

/** A certificate with those that lead to its CA, and its key. */
export interface Identity {
  readonly chain: readonly X509Certificate[]
  readonly key: PrivateKey
}

export interface Material {
  /** The certificate that this node shows to clients, and to nodes that connect to it. */
  readonly server: Identity
  /** The certificate that this node shows to nodes that it connects to. */
  readonly client: Identity
  /** Empty: nobody is verified. */
  readonly authorities: readonly X509Certificate[]
}

/** Extended key usages of a certificate (RFC 5280, section 4.2.1.12). */
const SERVER_USE = '1.3.6.1.5.5.7.3.1'
const CLIENT_USE = '1.3.6.1.5.5.7.3.2'

/** Longer chains do not occur. */
const MAX_CHAIN = 10

/**
 * Reads and checks all files.
 * @throws TlsError with all problems
 */
export function loadMaterial(settings: TlsSettings): Material {
  const problems: string[] = []
  const attempt = <Result>(run: () => Result): Result | undefined => {
    try {
      return run()
    } catch (error) {
      if (!(error instanceof TlsError)) throw error
      problems.push(...error.problems)
      return undefined
    }
  }
  const server = attempt(() =>
    readIdentity('tls', settings.tlsCertFile, settings.tlsKeyFile, settings.tlsKeyFilePass),
  )
  const { tlsClientCertFile, tlsClientKeyFile, tlsClientKeyFilePass } = settings
  const hasOwn = tlsClientCertFile !== '' || tlsClientKeyFile !== ''
  const client = hasOwn
    ? attempt(() => readIdentity('tls-client', tlsClientCertFile, tlsClientKeyFile, tlsClientKeyFilePass))
    : server
  const authorities = attempt(() => readAuthorities(settings))
  if (server !== undefined)
    problems.push(...misused(server, 'tls-cert-file', settings.tlsCertFile, SERVER_USE))
  if (settings.tlsCluster && client !== undefined && authorities !== undefined) {
    const [setting, file] = hasOwn
      ? ['tls-client-cert-file', tlsClientCertFile]
      : ['tls-cert-file', settings.tlsCertFile]
    problems.push(...misused(client, setting, file, CLIENT_USE))
    for (const identity of new Set([client, server])) {
      if (identity === undefined || isIssuedBy(identity.chain, authorities)) continue
      const [name, path] = identity === client ? [setting, file] : ['tls-cert-file', settings.tlsCertFile]
      problems.push(
        `${name}: ${path}: no CA of tls-ca-cert-file has issued it, so other nodes would refuse this one`,
      )
    }
  }
  if (problems.length > 0) throw new TlsError(...problems)
  const material = { server, client, authorities } as Material
  checkContext(material, settings)
  return material
}

function readIdentity(prefix: string, certFile: string, keyFile: string, pass: string): Identity {
  const [cert, key] = [`${prefix}-cert-file`, `${prefix}-key-file`]
  if (certFile === '') throw new TlsError(`${cert}: got nothing, wants the file of the certificate`)
  if (keyFile === '')
    throw new TlsError(`${key}: got nothing, wants the file of the private key of ${certFile}`)
  const identity = {
    chain: readCertificates(cert, certFile),
    key: readKey(key, keyFile, pass, `${key}-pass`),
  }
  if (identity.chain[0].checkPrivateKey(identity.key.object)) return identity
  throw new TlsError(`${key}: ${keyFile}: it is not the key of the first certificate in ${certFile}`)
}

function readAuthorities(settings: TlsSettings): readonly X509Certificate[] {
  const { tlsCaCertFile, tlsCaCertDir, tlsAuthClients, tlsCluster } = settings
  const found = [
    ...(tlsCaCertFile === '' ? [] : readCertificates('tls-ca-cert-file', tlsCaCertFile)),
    ...(tlsCaCertDir === '' ? [] : readCertificateFolder('tls-ca-cert-dir', tlsCaCertDir)),
  ]
  if (found.length > 0 || (tlsAuthClients === 'no' && !tlsCluster)) return found
  const why = tlsCluster ? 'other nodes (tls-cluster yes)' : `clients (tls-auth-clients ${tlsAuthClients})`
  const instead = tlsCluster ? '' : ', or tls-auth-clients no'
  throw new TlsError(`tls-ca-cert-file: got nothing, wants the CA that ${why} are verified by${instead}`)
}

function misused({ chain }: Identity, setting: string, file: string, use: string): readonly string[] {
  const { keyUsage } = chain[0] as { keyUsage?: readonly string[] }
  if (keyUsage === undefined || keyUsage.length === 0 || keyUsage.includes(use)) return []
  return use === SERVER_USE
    ? [`${setting}: ${file}: its extended key usage is not that of a server (serverAuth)`]
    : [
        `${setting}: ${file}: its extended key usage is not that of a client (clientAuth), which other nodes want: ` +
          'set tls-client-cert-file and tls-client-key-file',
      ]
}

/** Whether a chain ends at one of these CAs. */
function isIssuedBy(chain: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  let current = chain[0]
  for (let i = 0; i < MAX_CHAIN; i++) {
    const issued = current
    const isIssuer = (each: X509Certificate): boolean =>
      issued.checkIssued(each) && issued.verify(each.publicKey)
    if (authorities.some(isIssuer)) return true
    const next = chain.find((each) => each !== issued && isIssuer(each))
    if (next === undefined) return false
    current = next
  }
  return false
}

/** The settings of TLS that OpenSSL checks itself. */
function checkContext(material: Material, settings: TlsSettings): void {
  try {
    createSecureContext(contextOptions(material.server, material, settings))
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (code === 'ERR_SSL_NO_CIPHER_MATCH' || /cipher/i.test(message)) {
      const setting = settings.tlsCiphersuites === '' ? 'tls-ciphers' : 'tls-ciphers and tls-ciphersuites'
      throw new TlsError(
        `${setting}: got names that OpenSSL does not know, wants those of \`openssl ciphers\``,
      )
    }
    const reason = message.replace(/^error:[^:]*:[^:]*::/, '')
    throw new TlsError(`tls-cert-file: ${settings.tlsCertFile}: OpenSSL rejects it: ${reason}`)
  }
}

/** The options of `node:tls` for one side of a handshake. */
export function contextOptions(
  identity: Identity,
  { authorities }: Material,
  settings: TlsSettings,
): SecureContextOptions {
  const { tlsProtocols, tlsPreferServerCiphers } = settings
  const protocols = tlsProtocols.split(/\s+/) as SecureVersion[]
  const ciphers = cipherList(settings)
  return {
    cert: identity.chain.map(String).join('\n'),
    key: identity.key.pem,
    // Without `ca`, Node.js would trust all public CAs.
    ca: authorities.map(String),
    minVersion: protocols.includes('TLSv1.2') ? 'TLSv1.2' : 'TLSv1.3',
    maxVersion: protocols.includes('TLSv1.3') ? 'TLSv1.3' : 'TLSv1.2',
    honorCipherOrder: tlsPreferServerCiphers,
    ...(ciphers === undefined ? {} : { ciphers }),
  }
}

/** The default of Node.js, which it splits into TLS 1.3 and older by the prefix of the names. */
const DEFAULT_SUITES = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'
const DEFAULT_CIPHERS =
  'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:' +
  'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305'

/** `undefined`: the default of Node.js. */
function cipherList({ tlsCiphers, tlsCiphersuites }: TlsSettings): string | undefined {
  if (tlsCiphers === '' && tlsCiphersuites === '') return undefined
  return `${tlsCiphersuites || DEFAULT_SUITES}:${tlsCiphers || DEFAULT_CIPHERS}`
}
