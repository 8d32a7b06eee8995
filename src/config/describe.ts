// Describes a configuration as text: for the banner and for `erinys check`.

import type { UserDefinition } from '../access/users.ts'
import { kebabName } from '../bytes/names.ts'
import { formatDuration, formatSize } from '../bytes/units.ts'
import { addressName } from '../cluster/member.ts'
import type { MembershipConfig } from '../cluster/membership/membership.ts'
import type { GroupPolicy } from '../group/policy.ts'
import { machineMemory } from '../server/machine-memory.ts'
import type { ClusterConfig } from './cluster.ts'
import {
  type ClusterSetting,
  type ClusterSettingName,
  clusterSettingNames,
  clusterSettings,
} from './cluster-settings.ts'
import type { AnySettingName } from './config.ts'
import type { LoadedConfig } from './file.ts'
import { defaultPolicies, type GroupConfig, type Policies } from './groups.ts'
import {
  type HttpConfig,
  type HttpSetting,
  type HttpSettingName,
  httpSettingNames,
  httpSettings,
  httpValuesOf,
} from './http-settings.ts'
import { listeningText, usesTls } from './listening.ts'
import type { Setting } from './setting.ts'
import { type SettingName, settingNames, settings } from './settings.ts'

/** `64mb, origin demo with timeout 10s, negative caching for 5s`: a group's budget, TTL and origin. */
export function groupText(group: GroupPolicy): string {
  const { ttlMs, jitter, origin, negativeTtlMs, originTimeoutMs } = group
  const spread = jitter === 0 ? '' : ` with ${Number((jitter * 100).toFixed(2))}% jitter`
  const parts = [formatSize(group.maxBytes)]
  if (ttlMs > 0) parts.push(`ttl ${formatDuration(ttlMs)}${spread}`)
  if (origin === undefined) return [...parts, 'no origin'].join(', ')
  const limit = originTimeoutMs === 0 ? 'without timeout' : `with timeout ${formatDuration(originTimeoutMs)}`
  const notifies = origin.listen === undefined ? '' : ', with change notifications'
  parts.push(`origin ${origin.kind} ${limit}${notifies}`)
  parts.push(
    negativeTtlMs === 0 ? 'no negative caching' : `negative caching for ${formatDuration(negativeTtlMs)}`,
  )
  return parts.join(', ')
}

/** `staleIfError 1h, write behind`: the policies that differ from the defaults and are not in `groupText`; maybe ''. */
export function nonDefaultText(group: GroupPolicy): string {
  const usual = new Map(policyFields(defaultPolicies))
  const unusual = policyFields({ ...defaultPolicies, ...group }).filter(
    ([field, text]) => !SAID.has(field) && usual.get(field) !== text,
  )
  return unusual.map(([field, text]) => `${field} ${text}`).join(', ')
}

/** The policies that `groupText` shows. */
const SAID: ReadonlySet<string> = new Set(['ttl', 'jitter', 'negativeTtl', 'originTimeout'])

/** The policies as names and values of fields of the configuration, in their order. */
export function policyFields(
  policies: Policies & Pick<GroupPolicy, 'contentType'>,
): readonly (readonly [keyof GroupConfig, string])[] {
  const { freshness, governor, batch, writes } = policies
  return [
    ['ttl', formatDuration(policies.ttlMs)],
    ['jitter', String(policies.jitter)],
    ['negativeTtl', formatDuration(policies.negativeTtlMs)],
    ['originTimeout', formatDuration(policies.originTimeoutMs)],
    ['maxWait', formatDuration(policies.maxWaitMs)],
    ['staleWhileRevalidate', formatDuration(freshness.staleWhileRevalidateMs)],
    ['staleIfError', formatDuration(freshness.staleIfErrorMs)],
    ['refreshAhead', String(freshness.refreshAhead)],
    ['originConcurrency', String(governor.concurrency === Infinity ? 0 : governor.concurrency)],
    ['originQueue', String(governor.queue)],
    ['originRetries', String(governor.retries)],
    ['originBackoff', formatDuration(governor.backoffMs)],
    ['breakAfter', String(governor.breakAfter)],
    ['breakFor', formatDuration(governor.breakMs)],
    ['batchMax', String(batch.max)],
    ['batchWindow', formatDuration(batch.windowMs)],
    ['write', writes.mode],
    ['onPartition', policies.onPartition],
    ['eviction', policies.eviction],
    ['evictionCost', policies.evictionCost],
    ['writeQueue', String(writes.queue)],
    ['contentType', policies.contentType ?? 'none'],
  ]
}

/** `10.0.0.1:7000, with a secret, members from etcd at http://10.0.0.9:2379`: a node and its cluster. */
export function clusterText({ announce: { host, port }, membership, secret }: ClusterConfig): string {
  const name = port === 0 ? `${host} on any free port` : addressName(host, port)
  return [name, secret === '' ? 'without a secret' : 'with a secret', membershipText(membership)].join(', ')
}

/** `http://127.0.0.1:7080, http://[::1]:7080 (if available)`: where a node answers HTTP. */
function httpText({ bind, port, tls }: HttpConfig): string {
  const scheme = tls ? 'https' : 'http'
  const url = (host: string): string =>
    port === 0 ? `${scheme}://${host}, any free port` : `${scheme}://${addressName(host, port)}`
  return bind.map(({ host, optional }) => `${url(host)}${optional ? ' (if available)' : ''}`).join(', ')
}

/** The file of the configuration. */
export function sourceText({ file }: LoadedConfig): string {
  return file ?? 'no configuration file, defaults'
}

/** The bytes that all groups together may use. */
export function totalBudget(groups: readonly GroupPolicy[]): number {
  return groups.reduce((sum, { maxBytes }) => sum + maxBytes, 0)
}

/** An error if the budgets exceed the memory of the machine or control group; `undefined`: they do not, or it is allowed. */
export function overcommitted(
  { groups, overcommit }: Pick<LoadedConfig['config'], 'groups' | 'overcommit'>,
  memory = machineMemory,
): string | undefined {
  const total = totalBudget(groups)
  if (overcommit || total <= memory) return undefined
  return (
    `the budgets of the groups are ${formatSize(total)} together, and there are ${formatSize(memory)} of memory here: ` +
    'give less to maxmemory or maxBytes, or allow it (--overcommit yes)'
  )
}

/** All groups and settings, with the source of each setting: the output of `erinys check`. */
export function describeConfig(loaded: LoadedConfig): string {
  const { config, sources } = loaded
  const total = totalBudget(config.groups)
  const widest = Math.max(...config.groups.map(({ name }) => name.length))
  const row = (name: AnySettingName, value: string): string => {
    const source = sources.get(name)
    return `  ${kebabName(name).padEnd(28)}${value}${source === undefined ? '' : `  (${source})`}`
  }
  return [
    `Valid: ${sourceText(loaded)}`,
    '',
    `Listens on ${listeningText(config)}, ${config.needsLogin ? 'with a password' : 'without a password'}.`,
    ...(config.http === undefined ? [] : [`HTTP on ${httpText(config.http)}.`]),
    '',
    'Groups:',
    ...config.groups.flatMap((group, index) => {
      const head = `  ${index}  ${group.name.padEnd(widest)}  `
      const unusual = nonDefaultText(group)
      const rest = unusual === '' ? [] : [`${' '.repeat(head.length)}${unusual}`]
      return [`${head}${groupText(group)}`, ...rest]
    }),
    `Together ${formatSize(total)} of the ${formatSize(machineMemory)} of memory here${
      total > machineMemory ? ': MORE THAN THE MACHINE HAS' : ''
    }.`,
    '',
    ...(config.cluster === undefined ? [] : [`Cluster: ${clusterText(config.cluster)}.`, '']),
    ...(config.users.length === 0 ? [] : [`Users: ${userNames(config.users)}.`, '']),
    'Settings:',
    ...settingNames
      .filter((name) => !name.startsWith('tls') || usesTls(config) || sources.has(name))
      .map((name) => row(name, valueText(name, config[name]))),
    ...(config.cluster === undefined ? [] : clusterRows(config.cluster)).map(([name, value]) =>
      row(name, value),
    ),
    ...(config.http === undefined ? [] : httpRows(config.http)).map(([name, value]) => row(name, value)),
  ].join('\n')
}

/** A setting's value as text that a configuration accepts. */
export function valueText(name: SettingName, value: unknown): string {
  const { write } = settings[name] as Setting<unknown, unknown>
  return write(value)
}

/** The default of a cluster setting, as text. */
export function clusterFallbackText(name: ClusterSettingName): string {
  const { fallback, fallbackText, write } = clusterSettings[name] as ClusterSetting<unknown, unknown>
  return fallbackText ?? write(fallback)
}

/** The default of a setting of the HTTP gateway, as text. */
export function httpFallbackText(name: HttpSettingName): string {
  const { fallback, fallbackText, write } = httpSettings[name] as HttpSetting<unknown, unknown>
  return fallbackText ?? write(fallback)
}

function httpRows(http: HttpConfig): readonly (readonly [HttpSettingName, string])[] {
  const values = httpValuesOf(http)
  return httpSettingNames.map((name) => [name, httpValueText(name, values[name])])
}

/** The value of a setting of the HTTP gateway, as text. */
function httpValueText(name: HttpSettingName, value: unknown): string {
  const { write, fallbackText } = httpSettings[name] as HttpSetting<unknown, unknown>
  return write(value) || (fallbackText ?? '')
}

function userNames(users: readonly UserDefinition[]): string {
  return users.map(({ name }) => Buffer.from(name, 'latin1').toString()).join(', ')
}

/** The cluster settings and their values, in order; without those of other kinds of membership. */
function clusterRows(cluster: ClusterConfig): readonly (readonly [ClusterSettingName, string])[] {
  const values = clusterValues(cluster)
  return clusterSettingNames
    .filter((name) => values[name] !== undefined)
    .map((name) => [name, clusterValueText(name, values[name])])
}

/** A cluster setting's value as text. */
export function clusterValueText(name: ClusterSettingName, value: unknown): string {
  return (clusterSettings[name] as ClusterSetting<unknown, unknown>).write(value)
}

/** The values of the cluster settings; `undefined`: it is not one of this kind of membership. */
export function clusterValues(cluster: ClusterConfig): Readonly<Record<ClusterSettingName, unknown>> {
  const { membership } = cluster
  return {
    peers: membership.kind === 'static' ? membership.peers : undefined,
    ...dnsValues(membership),
    ...etcdValues(membership),
    secret: cluster.secret,
    announce: cluster.announce,
    announcePort: cluster.announcePort,
    announceTlsPort: cluster.announceTlsPort,
    redirect: cluster.redirect,
    clusterTimeout: cluster.timeout,
    clusterPingInterval: cluster.pingInterval,
    clusterLinks: cluster.links,
    clusterWeight: cluster.weight,
    clusterCopies: cluster.copies,
    clusterCopyMaxAge: cluster.copyMaxAge,
    clusterHandoverRate: cluster.handoverRate,
  }
}

function dnsValues(membership: MembershipConfig) {
  const dns = membership.kind === 'dns' ? membership : undefined
  return {
    dns: dns?.name,
    dnsPort: dns?.port,
    dnsType: dns?.type,
    dnsInterval: dns?.interval,
    dnsServers: dns?.servers,
  }
}

function etcdValues(membership: MembershipConfig) {
  const etcd = membership.kind === 'etcd' ? membership : undefined
  return {
    etcd: etcd?.endpoints,
    etcdPrefix: etcd?.prefix,
    etcdLease: etcd?.lease,
    etcdUsername: etcd?.username,
    etcdPassword: etcd?.password,
  }
}

function membershipText(membership: MembershipConfig): string {
  switch (membership.kind) {
    case 'static':
      return `members ${membership.peers.join(' ')}`
    case 'dns':
      return `members from the ${membership.type === 'a' ? 'A and AAAA' : 'SRV'} records of ${membership.name}`
    case 'etcd':
      return `members from etcd at ${membership.endpoints.join(' ')}`
  }
}
