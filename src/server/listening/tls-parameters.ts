// TLS and the Unix socket in CONFIG: Redis's names. Certificates, keys and what is wanted of clients can be changed while
// the node runs; all parameters of one CONFIG SET are checked together, files included, and applied together.

import { resolve } from 'node:path'
import { kebabName } from '../../bytes/names.ts'
import { parseMilliseconds } from '../../bytes/units.ts'
import type { Apply, JointParameters, Parameter } from '../../commands/spec/parameter.ts'
import type { Certificates } from '../../tls/certificates.ts'
import type { TlsSettings } from '../../tls/settings.ts'
import { settled } from '../parameters/kinds.ts'
import type { ServerSettings } from '../settings.ts'

/** A value, or Redis's error text in an object. */
type Parsed = string | number | boolean | { readonly error: string }

/** How the text of each setting is read. */
const PARSERS: { readonly [Name in Exclude<keyof TlsSettings, 'tlsCluster'>]: (text: string) => Parsed } = {
  tlsCertFile: path,
  tlsKeyFile: path,
  tlsKeyFilePass: String,
  tlsClientCertFile: path,
  tlsClientKeyFile: path,
  tlsClientKeyFilePass: String,
  tlsCaCertFile: path,
  tlsCaCertDir: path,
  tlsAuthClients: oneOf('no', 'yes', 'optional'),
  tlsAuthClientsUser: oneOf('off', 'CN'),
  tlsClusterName: (text) => (text === '' ? { error: 'argument must be any, address or a DNS name' } : text),
  tlsProtocols: (text) => (/^TLSv1\.[23]( TLSv1\.[23])?$/.test(text) ? text : { error: PROTOCOLS }),
  tlsCiphers: String,
  tlsCiphersuites: String,
  tlsPreferServerCiphers: (text) => {
    const word = text.toLowerCase()
    return word === 'yes' || word === 'no' ? word === 'yes' : { error: "argument must be 'yes' or 'no'" }
  },
  tlsHandshakeTimeout: milliseconds(10),
  tlsAutoReloadInterval: milliseconds(0),
}

const PROTOCOLS = 'argument must be TLSv1.2, TLSv1.3 or both, separated by a space'
const WITHOUT_TLS = 'this node was started without TLS (tls-port)'

/** The passphrases are never shown. */
const SECRETS: ReadonlySet<string> = new Set(['tlsKeyFilePass', 'tlsClientKeyFilePass'])

type Name = keyof typeof PARSERS

export function tlsParameters(
  settings: ServerSettings,
  certificates: Certificates | undefined,
): readonly Parameter[] {
  const isPresent = ([name, text]: [string, string]): boolean => {
    const field = NAMES.get(name) as Name
    return PARSERS[field](text) === settings[field]
  }
  const joint: JointParameters = {
    accept: (texts) => {
      if (certificates === undefined) return [...texts].every(isPresent) ? () => undefined : WITHOUT_TLS
      const changes: Record<string, Parsed> = {}
      for (const [name, text] of texts)
        changes[NAMES.get(name) as string] = PARSERS[NAMES.get(name) as Name](text)
      const prepared = certificates.prepare(changes as Partial<TlsSettings>)
      return 'problems' in prepared ? prepared.problems.join('; ') : prepared.apply
    },
  }
  const changeable = [...NAMES].map(
    ([name, field]): Parameter => ({
      name,
      get: () => textOf(field, settings[field]),
      accept: (text: string): string | Apply => {
        const parsed = PARSERS[field](text)
        return typeof parsed === 'object' ? parsed.error : () => undefined
      },
      joint,
    }),
  )
  return [
    settled('tls-port', () => settings.tlsPort),
    settled('tls-cluster', () => (settings.tlsCluster ? 'yes' : 'no')),
    ...changeable,
    { name: 'unixsocket', get: () => settings.unixsocket },
    { name: 'unixsocketperm', get: () => settings.unixsocketperm.toString(8) },
  ]
}

const NAMES: ReadonlyMap<string, Name> = new Map(
  (Object.keys(PARSERS) as Name[]).map((field) => [kebabName(field), field]),
)

function textOf(field: Name, value: string | number | boolean): string {
  if (SECRETS.has(field)) return value === '' ? '' : 'set, not shown'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return String(value)
}

function path(text: string): Parsed {
  if (text.includes('\0')) return { error: 'argument must be a path' }
  return text === '' ? '' : resolve(text)
}

function oneOf(...words: readonly string[]): (text: string) => Parsed {
  return (text) =>
    words.find((word) => word.toLowerCase() === text.toLowerCase()) ?? {
      error: `argument(s) must be one of the following: ${words.join(', ')}`,
    }
}

/** A number of milliseconds, or text with a unit. */
function milliseconds(least: number): (text: string) => Parsed {
  return (text) => {
    const ms = parseMilliseconds(text) ?? Number.NaN
    if (Number.isInteger(ms) && ms >= least && ms <= 2 ** 31 - 1) return ms
    return { error: `argument must be a number of milliseconds, at least ${least}` }
  }
}
