// The addresses that a node listens on: checks that ports, TLS and protected mode fit together, and describes the
// result.

import { addressName } from '../cluster/member.ts'
import { loadMaterial } from '../tls/material.ts'
import { TlsError } from '../tls/pem.ts'
import { validityWarnings } from '../tls/validity.ts'
import type { ClusterConfig } from './cluster.ts'
import type { HttpConfig } from './http-settings.ts'
import { hasPlainPort } from './ports.ts'
import { isLoopback } from './readers.ts'
import type { Settings } from './settings.ts'
import type { ConfiguredUsers } from './users.ts'

const NEEDS_SECRET =
  'cluster.secret: there are users, and without a secret anybody who reaches the port can act as a node, which ' +
  'no rule limits: set secret'

/** The contradictions; files are not read. */
export function listeningProblems(
  settings: Settings,
  users: ConfiguredUsers,
  cluster: ClusterConfig | undefined,
  http: HttpConfig | undefined,
): readonly string[] {
  const { port, tlsPort, tlsCluster } = settings
  const problems: string[] = []
  if (tlsPort !== 0 && tlsPort === port) problems.push(`tlsPort: got ${tlsPort}, which port has too`)
  if (tlsCluster && tlsPort === 0) problems.push('tlsCluster: wants tlsPort too: other nodes connect to it')
  if (cluster !== undefined && !tlsCluster && !hasPlainPort(settings))
    problems.push('port: got 0, wants a port without TLS for the links between nodes, or tlsCluster')
  if (http !== undefined && http.port !== 0 && http.port === tlsPort)
    problems.push(`tlsPort: got ${tlsPort}, which is the port of HTTP`)
  return [...problems, ...exposed(settings, users, cluster, http)]
}

interface UsesHttp {
  readonly http: HttpConfig | undefined
}

/** Problems of the TLS files; empty: there are none, or TLS is not used. */
export function tlsProblems(settings: Settings & UsesHttp): readonly string[] {
  if (!usesTls(settings)) return []
  try {
    loadMaterial({ ...settings })
    return []
  } catch (error) {
    if (error instanceof TlsError) return error.problems
    throw error
  }
}

/** Warnings about the validity dates of certificates, which can be used nevertheless. */
export function tlsWarnings(settings: Settings & UsesHttp, now: number): readonly string[] {
  return usesTls(settings) ? validityWarnings({ ...settings }, now) : []
}

export function usesTls({ tlsPort, http }: Pick<Settings, 'tlsPort'> & UsesHttp): boolean {
  return tlsPort !== 0 || http?.tls === true
}

/** `127.0.0.1:7000, ::1:7000 (if available)`. */
export function listeningText(settings: Settings): string {
  const { bind, port, tlsPort, unixsocket } = settings
  const at = (number: number, how: string): string[] =>
    bind.map(({ host, optional }) => `${addressName(host, number)}${how}${optional ? ' (if available)' : ''}`)
  return [
    ...(hasPlainPort(settings) ? at(port, '') : []),
    ...(tlsPort === 0 ? [] : at(tlsPort, ' with TLS')),
    ...(unixsocket === '' ? [] : [unixsocket]),
  ].join(', ')
}

/**
 * Without a password a node must listen on loopback addresses only, unless protected mode is off (as in Redis), or all
 * clients must show a certificate.
 */
function exposed(
  settings: Settings,
  { users, needsLogin }: ConfiguredUsers,
  cluster: ClusterConfig | undefined,
  http: HttpConfig | undefined,
): readonly string[] {
  const { bind, protectedMode, tlsPort, tlsAuthClients } = settings
  const isBare = cluster !== undefined && cluster.secret === ''
  if (isBare && users.length > 0) return [NEEDS_SECRET]
  if (!protectedMode || needsLogin) return []
  const openOf = (addresses: typeof bind): string[] =>
    addresses.filter(({ host }) => !isLoopback(host)).map(({ host }) => host)
  const isProtected = !hasPlainPort(settings) && (tlsPort === 0 || tlsAuthClients === 'yes')
  const open = isProtected ? [] : openOf(bind)
  const openHttp = openOf(http?.bind ?? [])
  if (open.length === 0 && openHttp.length > 0)
    return [
      `http.bind: ${openHttp.join(' and ')} can be reached from other machines and there is no password: set requirepass, ` +
        'bind to 127.0.0.1, or turn protected mode off (--protected-mode no)',
    ]
  if (open.length === 0) return []
  return [
    `bind: ${open.join(' and ')} can be reached from other machines and there is no password` +
      `${isBare ? ', nor a secret that keeps strangers out of the cluster' : ''}: set requirepass` +
      `${isBare ? ' (the secret too, unless cluster.secret names another)' : ''}, ` +
      'bind to 127.0.0.1, or turn protected mode off (--protected-mode no)',
  ]
}
