// The cluster part of a configuration: the fields of a configuration file, and the resolved settings.

import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import type { z } from 'zod'
import { formatDuration } from '../bytes/units.ts'
import { addressName } from '../cluster/member.ts'
import { canonicalHost, readAddress } from '../cluster/membership/member-list.ts'
import type { MembershipConfig } from '../cluster/membership/membership.ts'
import type { ClusterSettings } from '../cluster/options.ts'
import {
  type ClusterSettingName,
  type ClusterValues,
  clusterSettingNames,
  clusterSettings,
  WILDCARDS,
} from './cluster-settings.ts'
import { linkPort } from './ports.ts'
import { fields, isLoopback, isObject } from './readers.ts'
import type { Settings } from './settings.ts'

/** The `cluster` of a configuration, with exactly one of `peers`, `dns` and `etcd`. Durations: ms or `'2s'`. */
export interface ClusterInput {
  /** Every member as `host:port`; this node may be among them. */
  readonly peers?: string | readonly string[]
  /** Members from DNS. */
  readonly dns?: {
    /** A fully qualified name whose records are the members, such as that of a headless service of Kubernetes. */
    readonly name: string
    /** The record type: `a` (A and AAAA) or `srv`. Default: `srv` for a name that begins with `_`, else `a`. */
    readonly type?: 'a' | 'srv'
    /** The port of the members, for records without one. Default: this node's port. */
    readonly port?: number | string
    /** Interval at which the name is resolved. Default: '5s'. */
    readonly interval?: number | string
    /** Addresses of DNS servers. Default: the system's. */
    readonly servers?: string | readonly string[]
  }
  /** Members from etcd. */
  readonly etcd?: {
    /** `host:port` or `https://host:port` of etcd's members. */
    readonly endpoints: string | readonly string[]
    /** The prefix of the keys. Default: '/erinys'. */
    readonly prefix?: string
    /** The lease of a registration: how long a silent node stays a member, in whole seconds. Default: '10s'. */
    readonly lease?: number | string
    /** The etcd user. Default: none. */
    readonly username?: string
    /** The password of the etcd user. */
    readonly password?: string
  }
  /** The shared secret by which members authenticate to each other. Default: `requirepass`. */
  readonly secret?: string
  /** `host:port` at which other members reach this node, and its name. Default: from `bind` and `port`. */
  readonly announce?: string
  /** The port at which clients without TLS reach this node. Default: that of `announce`; with `tlsCluster`, `port`. */
  readonly announcePort?: number | string
  /** The port at which clients with TLS reach this node. Default: `tlsPort`; with `tlsCluster`, that of `announce`. */
  readonly announceTlsPort?: number | string
  /** What a node does with a command on another member's keys: forward it, or answer MOVED. Default: 'forward'. */
  readonly redirect?: 'forward' | 'moved'
  /** A member that is silent for this long is declared dead. Default: '2s'. */
  readonly timeout?: number | string
  /** Interval of heartbeats between members. Default: a quarter of the timeout. */
  readonly pingInterval?: number | string
  /** Connections to each member for forwarded commands. Default: 1. */
  readonly links?: number | string
  /** This node's share of the keys, relative to the weights of the others. Default: 1. */
  readonly weight?: number | string
  /** The fraction of each group's budget for copies of other members' hot keys. Default: 0.125. */
  readonly copies?: number | string
  /** Maximum age of such a copy. Default: '1s'. */
  readonly copyMaxAge?: number | string
  /** Maximum bytes per second sent to other members during slot migration. Default: '64mb'. */
  readonly handoverRate?: number | string
}

/** The resolved cluster settings of a node. Sizes in bytes, times in ms. */
export interface ClusterConfig extends ClusterSettings {
  /** The source of the list of members. */
  readonly membership: MembershipConfig
  /** The address at which other nodes reach this one, and its name. Port 0: the port that it listens on. */
  readonly announce: { readonly host: string; readonly port: number }
  /** The ports that clients are told; `undefined`: those that the node listens on. */
  readonly announcePort: number | undefined
  readonly announceTlsPort: number | undefined
  /** This node's share of slots, relative to the weights of the others. */
  readonly weight: number
}

/** The source of a value: the precedence of its layer, and the name of the setting there, for messages. */
export interface Given {
  readonly rank: number
  readonly label: string
}

/** The addresses and the name of a machine. */
export interface Machine {
  readonly name: string
  readonly addresses: readonly { readonly address: string; readonly internal: boolean }[]
}

type Kind = 'peers' | 'dns' | 'etcd'

const KINDS: readonly Kind[] = ['peers', 'dns', 'etcd']

/** Parses the `cluster` of a configuration file into values by the names of the settings. */
export function clusterSchema(): z.ZodType<ClusterValues> {
  const shape: Record<string, z.ZodType> = {}
  const parts: Record<string, Record<string, z.ZodType>> = { dns: {}, etcd: {} }
  for (const name of clusterSettingNames) {
    const { field, reads } = clusterSettings[name]
    const [first, second] = field.split('.')
    if (second === undefined) shape[first] = reads.optional()
    else parts[first][second] = reads.optional()
  }
  for (const [name, part] of Object.entries(parts)) shape[name] = fields(part).optional()
  return fields(shape).transform((written) => {
    const values = clusterSettingNames.map((name) => [name, valueAt(written, clusterSettings[name].field)])
    return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as ClusterValues
  })
}

/**
 * Resolves the cluster settings; `undefined` if none were given, or if a problem was reported.
 * @param given where each of the values comes from
 * @param label the name of a field of the configuration file, for messages
 */
export function decideCluster(
  values: ClusterValues,
  given: ReadonlyMap<ClusterSettingName, Given>,
  settings: Settings,
  label: (field: string) => string,
  refuse: (problem: string) => void,
  machine: () => Machine = thisMachine,
): ClusterConfig | undefined {
  if (given.size === 0) return undefined
  const kind = sourceOf(given, label, refuse)
  if (kind === undefined) return undefined
  const membership = membershipOf(kind, values)
  const listed = membership.kind === 'static' ? membership.peers : []
  const announce =
    values.announce ?? announced({ bind: settings.bind, port: linkPort(settings) }, listed, machine())
  const timeout = values.clusterTimeout ?? clusterSettings.clusterTimeout.fallback!
  const pingInterval = values.clusterPingInterval ?? Math.floor(timeout / 4)
  const place = (name: ClusterSettingName): string =>
    given.get(name)?.label ?? label(clusterSettings[name].field)

  if (pingInterval >= timeout) {
    const [got, most] = [pingInterval, timeout].map(formatDuration)
    refuse(`${place('clusterPingInterval')}: got ${got}, wants less than the timeout, which is ${most}`)
  }
  if (values.etcdPassword !== undefined && values.etcdUsername === undefined && kind === 'etcd') {
    refuse(`${place('etcdUsername')}: got nothing, wants the user that the password belongs to`)
  }
  if (typeof announce === 'string') {
    refuse(`${place('announce')}: ${announce}`)
    return undefined
  }
  if (membership.kind === 'dns' && membership.type === 'a' && isIP(announce.host) === 0) {
    const got = addressName(announce.host, announce.port)
    refuse(
      `${place('announce')}: got '${got}', wants an IP address, as A and AAAA records list the members by theirs`,
    )
  }
  const far = listed.find((peer) => !isLoopback(readAddress(peer)!.host))
  if (values.announce === undefined && isLoopback(announce.host) && far !== undefined) {
    refuse(
      `bind: ${announce.host} can be reached from this machine only, but ${far} is a peer: ` +
        `bind to an address that the peers reach, or name it with ${label('announce')}`,
    )
  }
  const or = <Name extends ClusterSettingName>(name: Name): NonNullable<ClusterValues[Name]> =>
    (values[name] ?? clusterSettings[name].fallback) as NonNullable<ClusterValues[Name]>
  return {
    membership,
    secret: values.secret || settings.requirepass,
    announce,
    announcePort: values.announcePort,
    announceTlsPort: values.announceTlsPort,
    redirect: or('redirect'),
    timeout,
    pingInterval,
    links: or('clusterLinks'),
    weight: or('clusterWeight'),
    copies: or('clusterCopies'),
    copyMaxAge: or('clusterCopyMaxAge'),
    handoverRate: or('clusterHandoverRate'),
  }
}

/**
 * The address at which others reach a node that listens on these addresses: the one that is in the list of peers, else
 * one that is not a loopback address; a text with the reason if it cannot be determined.
 */
export function announced(
  { bind, port }: Pick<Settings, 'bind' | 'port'>,
  peers: readonly string[],
  machine: Machine,
): { readonly host: string; readonly port: number } | string {
  const named = bind.filter(({ host }) => !WILDCARDS.includes(host)).map(({ host }) => canonicalHost(host))
  const isOpen = named.length < bind.length
  const own = isOpen
    ? [...machine.addresses.map(({ address }) => address), machine.name].map(canonicalHost)
    : []
  const listed = [...named, ...own].find((host) => peers.includes(addressName(host, port)))
  if (listed !== undefined) return { host: listed, port }
  const outer = machine.addresses.filter(({ internal }) => !internal).map(({ address }) => address)
  const ofFamily = (family: number): readonly string[] => outer.filter((address) => isIP(address) === family)
  const open = isOpen
    ? ofFamily(4).length > 0
      ? ofFamily(4)
      : ofFamily(6).filter((host) => !/^fe80:/i.test(host))
    : []
  const hosts = [...named.filter((host) => !isLoopback(host)), ...open]
  if (hosts.length === 1 || (hosts.length > 1 && !isOpen)) return { host: hosts[0], port }
  if (!isOpen) return { host: named[0], port }
  const found = hosts.length === 0 ? 'no address beyond itself' : hosts.join(' and ')
  return `got nothing, wants the address at which the others reach this node, as bind is open and this machine has ${found}`
}

/** The source of the list of members: the one that is set in the layer of highest precedence. */
function sourceOf(
  given: ReadonlyMap<ClusterSettingName, Given>,
  label: (field: string) => string,
  refuse: (problem: string) => void,
): Kind | undefined {
  const rankOf = (name: ClusterSettingName): number => given.get(name)?.rank ?? -1
  const highest = Math.max(...KINDS.map(rankOf))
  const named = KINDS.filter((kind) => highest >= 0 && rankOf(kind) === highest)
  const labels = named.map((kind) => given.get(kind)!.label)
  if (named.length > 1) {
    refuse(`${labels.join(' and ')}: a cluster has one list of members, wants one of them`)
    return undefined
  }
  const stray = [...given].find(([name, { rank }]) => {
    const owner = (['dns', 'etcd'] as const).find((kind) => name.startsWith(kind))
    return owner !== undefined && owner !== named[0] && rank >= highest
  })
  if (named.length === 1 && stray === undefined) return named[0]
  if (stray !== undefined) {
    const [name, { label: place }] = stray
    const owner = name.startsWith('dns') ? 'dns' : 'etcd'
    const wanted = label(clusterSettings[owner].field)
    refuse(
      named.length === 1
        ? `${place}: is for members from ${owner}, but they come from ${labels[0]}`
        : `${place}: is for members from ${owner}, wants ${wanted} (--${owner}) too`,
    )
    return undefined
  }
  const [{ label: first }] = given.values()
  const wanted = KINDS.map((kind) => `${label(clusterSettings[kind].field)} (--${kind})`)
  refuse(`${first}: is for a cluster, wants one of ${wanted.join(', ')} too`)
  return undefined
}

function membershipOf(kind: Kind, values: ClusterValues): MembershipConfig {
  if (kind === 'peers') return { kind: 'static', peers: [...new Set(values.peers)] }
  if (kind === 'dns') {
    const name = values.dns!
    return {
      kind: 'dns',
      name,
      type: values.dnsType ?? (name.startsWith('_') ? 'srv' : 'a'),
      interval: values.dnsInterval ?? clusterSettings.dnsInterval.fallback!,
      ...(values.dnsPort !== undefined && { port: values.dnsPort }),
      ...(values.dnsServers !== undefined && { servers: values.dnsServers }),
    }
  }
  return {
    kind: 'etcd',
    endpoints: values.etcd!,
    prefix: values.etcdPrefix ?? clusterSettings.etcdPrefix.fallback!,
    lease: values.etcdLease ?? clusterSettings.etcdLease.fallback!,
    ...(values.etcdUsername !== undefined && { username: values.etcdUsername }),
    ...(values.etcdPassword !== undefined && { password: values.etcdPassword }),
  }
}

function valueAt(written: Record<string, unknown>, field: string): unknown {
  return field
    .split('.')
    .reduce<unknown>((value, step) => (isObject(value) ? value[step] : undefined), written)
}

function thisMachine(): Machine {
  const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? [])
  return { name: hostname(), addresses }
}
