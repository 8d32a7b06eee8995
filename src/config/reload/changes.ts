// How a configuration differs from the one that a node runs with: what changes at once, and what needs a restart.

import type { UserDefinition } from '../../access/users.ts'
import { kebabName } from '../../bytes/names.ts'
import { formatSize } from '../../bytes/units.ts'
import type { GroupPolicy } from '../../group/policy.ts'
import type { ClusterConfig } from '../cluster.ts'
import { clusterSettingNames, clusterSettings } from '../cluster-settings.ts'
import { clusterValues, clusterValueText, groupText, policyFields, valueText } from '../describe.ts'
import { defaultPolicies } from '../groups.ts'
import {
  type HttpConfig,
  type HttpSetting,
  type HttpSettingName,
  httpSettingNames,
  httpSettings,
  httpValuesOf,
} from '../http-settings.ts'
import { compareOrigins, isCode } from '../origins/identity.ts'
import { type SettingName, type Settings, settingNames } from '../settings.ts'

/** What is compared of a configuration. */
export interface ComparedConfig extends Settings {
  readonly groups: readonly GroupPolicy[]
  readonly cluster: ClusterConfig | undefined
  readonly http: HttpConfig | undefined
  readonly users: readonly UserDefinition[]
}

/** A group that has another policy. */
export interface ChangedGroup {
  /** Its policy from now on; with the present origin, if that stays. */
  readonly policy: GroupPolicy
  /** Whether its origin has the values of the present one. */
  readonly isSameSource: boolean
  /** What changes, without secrets; empty: only the code of its origin is another object. */
  readonly fields: readonly string[]
}

export interface GroupChanges {
  readonly added: readonly GroupPolicy[]
  readonly removed: readonly string[]
  /** By name. */
  readonly changed: ReadonlyMap<string, ChangedGroup>
  /** Why the groups cannot be taken over without a restart. */
  readonly problems: readonly string[]
}

/** Settings that are used when a node starts, and not again. */
const AT_START: ReadonlySet<SettingName> = new Set([
  'port',
  'bind',
  'tcpBacklog',
  'tlsPort',
  'tlsCluster',
  'unixsocket',
  'unixsocketperm',
  'aclfile',
])

/** Settings of HTTP that a reload applies. */
const HTTP_AT_ONCE: ReadonlySet<HttpSettingName> = new Set(['httpMaxConnections'])

/** How the line of a change ends that takes effect at the next start. */
export const NEEDS_RESTART = ' (needs a restart)'

/** The settings that differ. */
export function changedSettings(present: Settings, next: Settings): readonly SettingName[] {
  return settingNames.filter((name) => !AT_START.has(name) && !isEqual(present[name], next[name]))
}

/** One line for each of these settings. */
export function settingLines(
  names: readonly SettingName[],
  present: Settings,
  next: Settings,
): readonly string[] {
  return names.map((name) =>
    line(kebabName(name), valueText(name, present[name]), valueText(name, next[name])),
  )
}

/** One line for each difference that takes effect at the next start. */
export function restartLines(present: ComparedConfig, next: ComparedConfig): readonly string[] {
  const names = settingNames.filter((name) => AT_START.has(name) && !isEqual(present[name], next[name]))
  return [
    ...settingLines(names, present, next),
    ...clusterLines(present.cluster, next.cluster),
    ...httpLines(present.http, next.http, (name) => !HTTP_AT_ONCE.has(name)),
  ].map((text) => text + NEEDS_RESTART)
}

/** One line for each setting of HTTP that changes at once. */
export function httpLimitLines(
  present: HttpConfig | undefined,
  next: HttpConfig | undefined,
): readonly string[] {
  if (present === undefined || next === undefined) return []
  return httpLines(present, next, (name) => HTTP_AT_ONCE.has(name))
}

function clusterLines(
  present: ClusterConfig | undefined,
  next: ClusterConfig | undefined,
): readonly string[] {
  if (present === undefined && next === undefined) return []
  if (present === undefined || next === undefined)
    return [line('cluster', present ? 'a member' : 'none', next ? 'a member' : 'none')]
  const [before, after] = [clusterValues(present), clusterValues(next)]
  const textOf = (name: (typeof clusterSettingNames)[number], value: unknown): string =>
    value === undefined ? 'none' : clusterValueText(name, value)
  return clusterSettingNames
    .filter((name) => !isEqual(before[name], after[name]))
    .map((name) =>
      line(`cluster.${clusterSettings[name].field}`, textOf(name, before[name]), textOf(name, after[name])),
    )
}

function httpLines(
  present: HttpConfig | undefined,
  next: HttpConfig | undefined,
  isMeant: (name: HttpSettingName) => boolean,
): readonly string[] {
  if (present === undefined && next === undefined) return []
  if (present === undefined || next === undefined)
    return [line('http', present ? 'yes' : 'no', next ? 'yes' : 'no')]
  const [before, after] = [httpValuesOf(present), httpValuesOf(next)]
  return httpSettingNames
    .filter((name) => isMeant(name) && !isEqual(before[name], after[name]))
    .map((name) => {
      const { field, write } = httpSettings[name] as HttpSetting<unknown, unknown>
      return line(`http.${field}`, write(before[name]) || 'none', write(after[name]) || 'none')
    })
}

/**
 * Compares groups by name. The index of a group, by which clients select it, never changes: groups are added at the end,
 * removed from the end, or replaced by others at the same place.
 */
export function compareGroups(present: readonly GroupPolicy[], next: readonly GroupPolicy[]): GroupChanges {
  const indexes = new Map(present.map(({ name }, index) => [name, index]))
  const names = new Set(next.map(({ name }) => name))
  const changed = new Map<string, ChangedGroup>()
  const problems: string[] = []
  for (const [index, policy] of next.entries()) {
    const before = indexes.get(policy.name)
    if (before === undefined) continue
    if (before !== index) problems.push(movedText(policy.name, before, index))
    const change = compareGroup(present[before], policy)
    if (change !== undefined) changed.set(policy.name, change)
  }
  return {
    added: next.filter(({ name }) => !indexes.has(name)),
    removed: present.filter(({ name }) => !names.has(name)).map(({ name }) => name),
    changed,
    problems,
  }
}

/** One line for each change of a group. */
export function groupLines(
  { added, removed, changed }: GroupChanges,
  next: readonly GroupPolicy[],
): readonly string[] {
  return [
    ...removed.map((name) => `group ${name}: removed`),
    ...added.map(
      (policy) => `group ${policy.name}: added at index ${next.indexOf(policy)}, ${groupText(policy)}`,
    ),
    ...[...changed].flatMap(([name, { fields }]) => fields.map((text) => `group ${name}: ${text}`)),
  ]
}

/** One line for each user that differs, by name: its rules contain passwords. */
export function userLines(
  present: readonly UserDefinition[],
  next: readonly UserDefinition[],
): readonly string[] {
  const before = new Map(present.map(({ name, rules }) => [name, rules]))
  const names = new Set(next.map(({ name }) => name))
  return [
    ...present.filter(({ name }) => !names.has(name)).map(({ name }) => userLine(name, 'removed')),
    ...next.flatMap(({ name, rules }) => {
      const was = before.get(name)
      if (was === undefined) return [userLine(name, 'added')]
      return isEqual(was, rules) ? [] : [userLine(name, 'changed')]
    }),
  ]
}

/** @param name with one character per byte */
function userLine(name: string, change: string): string {
  return `user ${Buffer.from(name, 'latin1').toString()}: ${change}`
}

/** Everything that differs, one line for each: what changes at once, then what needs a restart, then what is refused. */
export function describeChanges(present: ComparedConfig, next: ComparedConfig): readonly string[] {
  const groups = compareGroups(present.groups, next.groups)
  return [
    ...settingLines(changedSettings(present, next), present, next),
    ...httpLimitLines(present.http, next.http),
    ...userLines(present.users, next.users),
    ...groupLines(groups, next.groups),
    ...restartLines(present, next),
    ...groups.problems.map((problem) => `${problem} (refused without a restart)`),
  ]
}

/** `undefined`: they are the same, and the present origin stays. */
function compareGroup(present: GroupPolicy, next: GroupPolicy): ChangedGroup | undefined {
  const fields: string[] = []
  if (present.maxBytes !== next.maxBytes)
    fields.push(line('maxBytes', formatSize(present.maxBytes), formatSize(next.maxBytes)))
  const before = new Map(policyFields({ ...defaultPolicies, ...present }))
  for (const [field, text] of policyFields({ ...defaultPolicies, ...next })) {
    const was = before.get(field)
    if (was !== undefined && was !== text) fields.push(line(field, was, text))
  }
  const comparison = compareOrigins(present.origin, next.origin)
  const isSameSource = comparison !== 'other'
  if (comparison === 'other') fields.push(sourceText(present, next))
  const isReplaced = comparison === 'reconnected' && next.origin !== undefined
  if (isReplaced && !isCode(next.origin)) fields.push('origin: the same source with another connection')
  if (fields.length === 0 && !isReplaced) return undefined
  const policy = comparison === 'same' ? withOrigin(next, present.origin) : next
  return { policy, isSameSource, fields }
}

function withOrigin(policy: GroupPolicy, origin: GroupPolicy['origin']): GroupPolicy {
  const { origin: _, ...rest } = policy
  return origin === undefined ? rest : { ...rest, origin }
}

function sourceText({ origin: present }: GroupPolicy, { origin: next }: GroupPolicy): string {
  const text = line('origin', present?.kind ?? 'none', next?.kind ?? 'none')
  if (present === undefined || next === undefined) return text
  const which = present.kind === next.kind ? `origin: another source of the kind ${next.kind}` : text
  return `${which}, what was loaded becomes stale`
}

function movedText(name: string, before: number, after: number): string {
  return (
    `group ${name}: would move from index ${before} to ${after}, and clients select groups by their indexes: ` +
    'add groups at the end, remove them from the end, or put another group in the place of a removed one'
  )
}

function line(name: string, before: string, after: string): string {
  // Secrets have the same text.
  return before === after ? `${name}: changed` : `${name}: ${before} -> ${after}`
}

function isEqual(first: unknown, second: unknown): boolean {
  return first === second || JSON.stringify(first) === JSON.stringify(second)
}
