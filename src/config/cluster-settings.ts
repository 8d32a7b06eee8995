// The cluster settings as data: field, accepted values, default, and how each is shown.

import { isIP } from 'node:net'
import { formatDuration, formatSize } from '../bytes/units.ts'
import { addressName, parseAddress } from '../cluster/member.ts'
import { readAddress } from '../cluster/membership/member-list.ts'
import {
  duration,
  fractionTo,
  list,
  oneOf,
  type Reader,
  reader,
  secret,
  size,
  text,
  whole,
} from './readers.ts'
import { asSecret } from './setting.ts'

/**
 * One setting. Its key in `clusterSettings`, in kebab case, is the flag (`--cluster-timeout`), and in upper case the
 * variable (`ERINYS_CLUSTER_TIMEOUT`).
 */
export interface ClusterSetting<Output, Input> {
  /** The path of its field below `cluster` in a configuration file. */
  readonly field: string
  readonly reads: Reader<Output, Input>
  /** The default. `undefined`: none, or one that depends on other settings, as `fallbackText` says. */
  readonly fallback: Output | undefined
  /** The argument of the flag, for the help. */
  readonly argument: string
  readonly summary: string
  /** The default in words, if that is clearer than its value. */
  readonly fallbackText?: string
  readonly write: (value: Output) => string
}

/** Longest names and labels: RFC 1035, section 2.3.4. A label may begin with `_`, as services do (RFC 2782). */
const DNS_NAME = /^(?=.{1,254}$)([\w]([\w-]{0,61}[\w])?\.)*[\w]([\w-]{0,61}[\w])?\.?$/
const ENDPOINT = /^(https?:\/\/)?([^/]+)\/?$/i
const KEY_PREFIX = /^[^\s\p{Cc}]*[^\s\p{Cc}/]$/u

/** Addresses that stand for all addresses of a machine; no other node can connect to them. */
export const WILDCARDS: readonly string[] = ['0.0.0.0', '::']

const asText = (value: string | number): string => String(value)
const asList = (values: readonly string[]): string => values.join(' ')

export const clusterSettings = {
  /** Every member; this node may be among them. */
  peers: setting({
    field: 'peers',
    reads: list("addresses such as ['10.0.0.1:7000', '10.0.0.2:7000']", canonicalAddress),
    fallback: undefined,
    argument: '<address...>',
    summary: 'members of the cluster, as host:port',
    fallbackText: 'no cluster',
    write: asList,
  }),
  /** A name whose records are the members. */
  dns: setting({
    field: 'dns.name',
    reads: text("a full DNS name such as 'erinys.default.svc.cluster.local'", isDnsName),
    fallback: undefined,
    argument: '<name>',
    summary: 'DNS membership, instead of peers: a fully qualified name whose records are the members',
    fallbackText: 'none',
    write: asText,
  }),
  dnsPort: setting({
    field: 'dns.port',
    reads: whole(1, 65_535, 'a port'),
    fallback: undefined,
    argument: '<port>',
    summary: 'port of the members, for records without one',
    fallbackText: "this node's",
    write: asText,
  }),
  dnsType: setting<'a' | 'srv', 'a' | 'srv'>({
    field: 'dns.type',
    reads: oneOf('a', 'srv'),
    fallback: undefined,
    argument: '<type>',
    summary: 'record type: a (with AAAA), or srv, which has ports',
    fallbackText: 'srv for a name that begins with _, else a',
    write: asText,
  }),
  dnsInterval: setting({
    field: 'dns.interval',
    reads: duration(100, 86_400_000),
    fallback: 5000,
    argument: '<duration>',
    summary: 'interval at which the name is resolved',
    write: formatDuration,
  }),
  dnsServers: setting({
    field: 'dns.servers',
    reads: list("IP addresses such as ['10.0.0.53', '10.0.0.54:5353']", nameServer),
    fallback: undefined,
    argument: '<address...>',
    summary: 'DNS servers to query',
    fallbackText: "the system's",
    write: asList,
  }),
  /** Where the members register themselves. */
  etcd: setting({
    field: 'etcd.endpoints',
    reads: endpoints(),
    fallback: undefined,
    argument: '<endpoint...>',
    summary: 'etcd membership, instead of peers: endpoints of the etcd in which members register',
    fallbackText: 'none',
    write: asList,
  }),
  etcdPrefix: setting({
    field: 'etcd.prefix',
    reads: text("a prefix of keys such as '/erinys', without a slash at the end", (value) =>
      KEY_PREFIX.test(value),
    ),
    fallback: '/erinys',
    argument: '<text>',
    summary: 'prefix of the keys in etcd; clusters that share an etcd need different ones',
    write: asText,
  }),
  etcdLease: setting({
    field: 'etcd.lease',
    reads: wholeSeconds(1, 3600),
    fallback: 10_000,
    argument: '<duration>',
    summary: 'lease of a registration: how long a silent node stays a member',
    write: formatDuration,
  }),
  etcdUsername: setting({
    field: 'etcd.username',
    reads: text('a name', (value) => value !== ''),
    fallback: undefined,
    argument: '<name>',
    summary: 'etcd user',
    fallbackText: 'none',
    write: asText,
  }),
  etcdPassword: setting({
    field: 'etcd.password',
    reads: secret,
    fallback: undefined,
    argument: '<password>',
    summary: "the etcd user's password",
    fallbackText: 'none',
    write: asSecret,
  }),
  /** Nodes prove to each other that they know it. */
  secret: setting({
    field: 'secret',
    reads: secret,
    fallback: undefined,
    argument: '<secret>',
    summary: 'shared secret of the members',
    fallbackText: 'requirepass',
    write: asSecret,
  }),
  /** The address at which others reach this node, and its name in the cluster. */
  announce: setting({
    field: 'announce',
    reads: reader<{ readonly host: string; readonly port: number }, string>(
      "an address such as '10.0.0.1:7000'",
      (value) => (typeof value === 'string' ? reachable(value) : undefined),
    ),
    fallback: undefined,
    argument: '<address>',
    summary: 'host:port at which members and clients reach this node',
    fallbackText: 'from bind and port',
    write: ({ host, port }) => addressName(host, port),
  }),
  /** The ports at which clients reach this node, where they are not those that it listens on. */
  announcePort: setting({
    field: 'announcePort',
    reads: whole(1, 65_535, 'a port'),
    fallback: undefined,
    argument: '<port>',
    summary: 'port at which clients without TLS reach this node',
    fallbackText: "announce's, with tls-cluster: port",
    write: asText,
  }),
  announceTlsPort: setting({
    field: 'announceTlsPort',
    reads: whole(1, 65_535, 'a port'),
    fallback: undefined,
    argument: '<port>',
    summary: 'port at which clients with TLS reach this node',
    fallbackText: "tls-port, with tls-cluster: announce's",
    write: asText,
  }),
  redirect: setting<'forward' | 'moved', 'forward' | 'moved'>({
    field: 'redirect',
    reads: oneOf('forward', 'moved'),
    fallback: 'forward',
    argument: '<how>',
    summary: "commands on another member's keys: forward them, or answer moved as Redis Cluster does",
    write: asText,
  }),
  clusterTimeout: setting({
    field: 'timeout',
    reads: duration(100, 60_000),
    fallback: 2000,
    argument: '<duration>',
    summary: 'failure detection: a member that is silent for longer counts as dead',
    write: formatDuration,
  }),
  clusterPingInterval: setting({
    field: 'pingInterval',
    reads: duration(10, 59_999),
    fallback: undefined,
    argument: '<duration>',
    summary: 'heartbeat interval between members',
    fallbackText: 'a quarter of the timeout',
    write: formatDuration,
  }),
  clusterLinks: setting({
    field: 'links',
    reads: whole(1, 16),
    fallback: 1,
    argument: '<number>',
    summary: 'connections to each member for forwarded commands',
    write: asText,
  }),
  clusterWeight: setting({
    field: 'weight',
    reads: whole(1, 100),
    fallback: 1,
    argument: '<number>',
    summary: "this node's share of the keys, relative to the others'",
    write: asText,
  }),
  clusterCopies: setting({
    field: 'copies',
    reads: fractionTo(0.5),
    fallback: 0.125,
    argument: '<fraction>',
    summary: "part of each group's budget for copies of other members' hot keys; 0: none",
    write: asText,
  }),
  clusterCopyMaxAge: setting({
    field: 'copyMaxAge',
    reads: duration(1, 60_000),
    fallback: 1000,
    argument: '<duration>',
    summary: 'maximum age of a hot copy',
    write: formatDuration,
  }),
  clusterHandoverRate: setting({
    field: 'handoverRate',
    reads: size('64kb'),
    fallback: 64 * 2 ** 20,
    argument: '<size>',
    summary: 'maximum bytes per second of slot migration',
    write: formatSize,
  }),
}

/** The name of a cluster setting: its flag in camel case. */
export type ClusterSettingName = keyof typeof clusterSettings

/** The settings that were given, without defaults. */
export type ClusterValues = {
  readonly [Name in ClusterSettingName]?: (typeof clusterSettings)[Name] extends ClusterSetting<
    infer Output,
    infer _
  >
    ? Output
    : never
}

export const clusterSettingNames = Object.keys(clusterSettings) as readonly ClusterSettingName[]

function setting<Output, Input>(spec: ClusterSetting<Output, Input>): ClusterSetting<Output, Input> {
  return spec
}

function wholeSeconds(least: number, most: number): Reader<number, number | string> {
  const bounds = `from ${formatDuration(least * 1000)} to ${formatDuration(most * 1000)}`
  const milliseconds = duration(least * 1000, most * 1000)
  return reader(`whole seconds such as '10s', or that number of milliseconds, ${bounds}`, (value) => {
    const { data } = milliseconds.safeParse(value)
    return data !== undefined && data % 1000 === 0 ? data : undefined
  })
}

/** An address that another node can connect to. */
function reachable(value: string): { readonly host: string; readonly port: number } | undefined {
  const address = readAddress(value)
  return address === undefined || WILDCARDS.includes(address.host) ? undefined : address
}

function canonicalAddress(value: string): string | undefined {
  const address = reachable(value)
  return address && addressName(address.host, address.port)
}

function isDnsName(value: string): boolean {
  return DNS_NAME.test(value) && isIP(value) === 0
}

function nameServer(value: string): string | undefined {
  return isIP(value) !== 0 || isIP(parseAddress(value)?.host ?? '') !== 0 ? value : undefined
}

/** All with one scheme: etcd3 has one set of credentials for all. */
function endpoints(): Reader<readonly string[], string | readonly string[]> {
  const wants =
    "endpoints such as ['10.0.0.1:2379'] or ['https://etcd.example.org:2379'], all with one scheme"
  const each = list(wants, (value) => {
    const [, scheme = 'http://', address = ''] = ENDPOINT.exec(value) ?? []
    return parseAddress(address) && scheme.toLowerCase() + address
  })
  return reader(`${wants}, at least one`, (value) => {
    const { data } = each.safeParse(value)
    const schemes = new Set(data?.map((endpoint) => endpoint.split('://')[0]))
    return schemes.size === 1 ? data : undefined
  })
}
