// The options of `erinys top`: which node to ask, as which user, and with which TLS options.

import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { RedisOptions } from 'ioredis'
import { MAX_TIMER_MS } from '../../bytes/clock.ts'
import { parseDuration } from '../../bytes/units.ts'
import { addressName, parseAddress } from '../../cluster/member.ts'
import { ConfigError } from '../../config/config.ts'
import { settings, variableName } from '../../config/settings.ts'

export interface TopOptions {
  readonly host: string
  readonly port: number
  /** Empty: none. */
  readonly password: string
  readonly user: string | undefined
  /** `undefined`: without TLS. */
  readonly tls: RedisOptions['tls']
  readonly intervalMs: number
  /** Prints once, after one interval, and ends. */
  readonly once: boolean
}

/** Flags as Commander passes them, with the names of redis-cli's flags. */
export interface TopFlags {
  readonly interval: string
  readonly once?: true
  readonly user?: string
  readonly pass?: string
  readonly tls?: true
  readonly cacert?: string
  readonly cert?: string
  readonly key?: string
  readonly sni?: string
  readonly insecure?: true
  /** Flags of a node that tell its address and its password. */
  readonly port?: string
  readonly tlsPort?: string
  readonly requirepass?: string
}

const TLS_FLAGS = ['cacert', 'cert', 'key', 'sni', 'insecure'] as const

/** @throws ConfigError */
export function topOptions(address: string | undefined, flags: TopFlags): TopOptions {
  const { user, once, interval } = flags
  const port = defaultPort(flags)
  const target = parseAddress(address ?? addressName('127.0.0.1', Number(port)))
  if (target === undefined) throw new ConfigError(`got ${address ?? port} for the address, wants host:port`)
  const intervalMs = parseDuration(interval)
  if (intervalMs === undefined || intervalMs < 1 || intervalMs > MAX_TIMER_MS)
    throw new ConfigError(`--interval: got ${interval}, wants a duration such as 1s or 500ms`)
  return {
    ...target,
    intervalMs,
    once: once === true,
    user,
    password: flags.pass ?? flags.requirepass ?? process.env[variableName('requirepass')] ?? '',
    tls: tlsOptions(flags),
  }
}

/** The port on this machine, if no address is given. */
function defaultPort({ tls, port, tlsPort }: TopFlags): string | number {
  const own = port ?? process.env[variableName('port')]
  const byTls = tlsPort ?? process.env[variableName('tlsPort')]
  return (tls ? byTls : undefined) ?? own ?? settings.port.fallback
}

/**
 * Without a CA, those that Node.js knows. A certificate must be for the host that is asked, or for the name of `--sni`.
 * @throws ConfigError
 */
function tlsOptions(flags: TopFlags): RedisOptions['tls'] {
  const { tls, cacert, cert, key, sni, insecure } = flags
  if (tls !== true) {
    const [given] = TLS_FLAGS.filter((flag) => flags[flag] !== undefined)
    if (given === undefined) return undefined
    throw new ConfigError(`--${given} is for TLS: add --tls`)
  }
  if ((cert === undefined) !== (key === undefined))
    throw new ConfigError('--cert and --key belong together: give both')
  const material = {
    ca: contentOf('cacert', cacert),
    cert: contentOf('cert', cert),
    key: contentOf('key', key),
  }
  return {
    secureContext: contextOf(material),
    rejectUnauthorized: insecure !== true,
    ...(sni === undefined ? {} : { servername: sni }),
  }
}

function contentOf(flag: string, path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path)
  } catch (error) {
    throw new ConfigError(`--${flag}: ${(error as Error).message}`)
  }
}

interface Material {
  readonly ca: Buffer | undefined
  readonly cert: Buffer | undefined
  readonly key: Buffer | undefined
}

function contextOf(material: Material): ReturnType<typeof createSecureContext> {
  const { ca, cert, key } = material
  // One by one: OpenSSL does not say which one it is.
  if (ca !== undefined && !CERTIFICATE.test(ca.toString('latin1')))
    throw new ConfigError('--cacert: no PEM certificate')
  try {
    return createSecureContext({ ca, cert, key })
  } catch (error) {
    const { message } = error as Error
    throw new ConfigError(`${cert === undefined ? '--cacert' : '--cert, --key'}: ${message}`)
  }
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/

/** What a failure of TLS means, and which flag may help; `undefined`: it is another failure. */
export function tlsAdvice({ code = '' }: NodeJS.ErrnoException): string | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate has another name: give that with --sni'
  if (/CERT_IN_CHAIN|SELF_SIGNED_CERT|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)/.test(code))
    return 'its certificate is of an unknown CA: give that with --cacert'
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate has expired'
  if (code.includes('CERTIFICATE_REQUIRED')) return 'it wants a certificate: give one with --cert and --key'
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(code)) return 'it does not speak TLS on this port'
  return undefined
}
