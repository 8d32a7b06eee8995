// The configuration of a node: merges file, environment variables and flags, and checks fields against each other.

import { resolve } from 'node:path'
import type { z } from 'zod'
import type { UserDefinition } from '../access/users.ts'
import { kebabName } from '../bytes/names.ts'
import { nearest } from '../bytes/nearest.ts'
import type { GroupPolicy } from '../group/policy.ts'
import { type ClusterConfig, type ClusterInput, clusterSchema, decideCluster, type Given } from './cluster.ts'
import {
  type ClusterSettingName,
  type ClusterValues,
  clusterSettingNames,
  clusterSettings,
} from './cluster-settings.ts'
import { demoGroups, type GroupConfig, groupsSchema, type WrittenGroup } from './groups.ts'
import {
  decideHttp,
  type HttpConfig,
  type HttpInput,
  type HttpSettingName,
  type HttpValues,
  httpSchema,
  httpSettingNames,
  httpSettings,
  type WrittenHttp,
} from './http-settings.ts'
import { listeningProblems } from './listening.ts'
import { fields, show } from './readers.ts'
import type { Setting } from './setting.ts'
import {
  type SettingName,
  type Settings,
  type SettingsInput,
  settingNames,
  settings,
  variableName,
} from './settings.ts'
import { type ConfiguredUsers, decideUsers, type UserRules, usersSchema } from './users.ts'

/** A configuration, as a file or a program gives it. */
export interface Config extends SettingsInput {
  /** The groups by name, in the order of their indexes. Default: `scores` with a demo origin, and `cache`. */
  readonly groups?: Readonly<Record<string, GroupConfig>>
  /** The users by name, with Redis's rules. Default: `default`, who may do everything. */
  readonly users?: Readonly<Record<string, UserRules>>
  /** The cluster that the node joins. Default: none. */
  readonly cluster?: ClusterInput
  /** The HTTP gateway. Default: on for a node that is started from the command line, off for one in a program. */
  readonly http?: HttpInput
}

/** A resolved configuration: every field has its value, in bytes and ms, and origins are created. */
export interface NodeConfig extends Settings, ConfiguredUsers {
  /** In the order of their indexes. */
  readonly groups: readonly GroupPolicy[]
  readonly cluster: ClusterConfig | undefined
  /** `undefined`: no HTTP. */
  readonly http: HttpConfig | undefined
}

export type AnySettingName = SettingName | ClusterSettingName | HttpSettingName

/** Texts from a command line, by setting. */
export type Flags = { readonly [Name in AnySettingName]?: string | readonly string[] }

/** Texts from the environment, by variable. */
export type Variables = Readonly<Record<string, string | undefined>>

/** The layers of a configuration. Flags override variables, and these override the file or program. */
export interface ConfigLayers {
  /** The configuration of the file or program, not validated yet. */
  readonly config?: unknown
  /** The name of the file, for messages. */
  readonly source?: string
  /** The base of relative paths; by default the working directory. */
  readonly directory?: string
  readonly variables?: Variables
  readonly flags?: Flags
  /** The port of the HTTP gateway if no layer names one; by default there is no HTTP unless a layer asks for it. */
  readonly httpPort?: number
}

/** A resolved configuration, and the source of each setting that is not the default. */
export interface ResolvedConfig {
  readonly config: NodeConfig
  readonly sources: ReadonlyMap<AnySettingName, string>
}

/** An invalid configuration; `problems` has one line for each problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(...problems: string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** The output of the schema. */
type Written = Partial<Settings> & {
  readonly groups?: readonly WrittenGroup[]
  readonly users?: readonly UserDefinition[]
  readonly cluster?: ClusterValues
  readonly http?: WrittenHttp
}

const PREFIX = 'ERINYS_'

/** Variables that are not settings. */
const OTHER_VARIABLES = ['ERINYS_CONFIG']

/** Returns its argument; it gives an editor the types of a configuration. */
export function defineConfig(config: Config): Config {
  return config
}

/**
 * Validates a program's configuration, and adds the defaults.
 * @throws ConfigError
 */
export function resolveConfig(config: Config): NodeConfig {
  return resolveLayers({ config }).config
}

/**
 * Validates and merges the layers.
 * @throws ConfigError with all problems of all layers
 */
export function resolveLayers({
  config = {},
  source,
  directory,
  variables = {},
  flags = {},
  httpPort,
}: ConfigLayers): ResolvedConfig {
  const problems: string[] = []
  const { error, data } = schemaOf(directory ?? process.cwd()).safeParse(config)
  const place = source === undefined ? '' : `${source}: `
  problems.push(
    ...(error?.issues ?? []).map(
      ({ path, message }) => place + (path.length === 0 ? message : `${pathText(path)}: ${message}`),
    ),
  )
  const said = Object.keys(variables).filter((variable) => !isOfKubernetes(variables[variable]))
  problems.push(...said.flatMap(misspelt))

  const {
    groups = demoGroups(),
    users: writtenUsers,
    cluster: writtenCluster,
    http: writtenHttp,
    ...written
  } = data ?? {}
  const values: Record<string, unknown> = { ...written, ...writtenCluster, ...writtenHttp?.values }
  const sources = new Map<AnySettingName, string>()
  const given = new Map<ClusterSettingName, Given>()
  const label = (field: string): string => `${place}cluster.${field}`
  for (const name of [...settingNames, ...clusterSettingNames, ...httpSettingNames]) {
    const ofCluster = isOfCluster(name)
    const { reads } = settingOf(name)
    if (values[name] !== undefined) {
      values[name] = absolute(name, values[name], directory ?? process.cwd())
      sources.set(name, source ?? 'the program')
      if (ofCluster) given.set(name, { rank: 0, label: label(clusterSettings[name].field) })
    }
    for (const [rank, origin, text] of [
      [1, variableName(name), variableText(variables, name)],
      [2, `--${kebabName(name)}`, flags[name]],
    ] as const) {
      if (text === undefined) continue
      const read = reads.safeParse(text)
      if (read.error) problems.push(`${origin}: ${read.error.issues[0].message}`)
      values[name] = absolute(name, read.data, process.cwd())
      sources.set(name, origin)
      if (ofCluster) given.set(name, { rank, label: origin })
    }
    if (Object.hasOwn(settings, name)) values[name] ??= settings[name as SettingName].fallback
  }
  if (writtenCluster !== undefined && given.size === 0) {
    problems.push(`${place}cluster: got nothing, wants one of peers, dns and etcd`)
  }

  const decided = values as unknown as Settings
  const refuse = (problem: string): unknown => problems.push(problem)
  const cluster =
    problems.length === 0 ? decideCluster(values as ClusterValues, given, decided, label, refuse) : undefined
  const asksForHttp = httpSettingNames.some((name) => sources.has(name))
  const isHttpOn = writtenHttp?.isOn ?? (httpPort !== undefined || asksForHttp)
  const http = problems.length === 0 ? decideHttp(values as HttpValues, isHttpOn, httpPort) : undefined
  if (http !== undefined && http.port !== 0 && http.port === decided.port)
    problems.push(`${portLabel(sources, place)}: got ${http.port}, which is the port of the Redis protocol`)
  const users = problems.length === 0 ? decideUsers(writtenUsers, decided, refuse) : NO_USERS
  if (problems.length === 0) problems.push(...listeningProblems(decided, users, cluster, http))
  if (problems.length > 0) throw new ConfigError(...problems)
  const plain = Object.fromEntries(settingNames.map((name) => [name, decided[name]])) as unknown as Settings
  // All groups without a budget share the default: a quarter of the memory for each would be too much.
  const sharing = sources.has('maxmemory')
    ? 1
    : groups.filter(({ maxBytes }) => maxBytes === undefined).length
  const maxmemory = Math.floor(decided.maxmemory / Math.max(1, sharing))
  const budget = (group: WrittenGroup): GroupPolicy => ({
    ...group,
    maxBytes: group.maxBytes ?? maxmemory,
  })
  return {
    config: { ...plain, ...users, maxmemory, groups: groups.map(budget), cluster, http },
    sources,
  }
}

function settingOf(name: AnySettingName) {
  if (isOfCluster(name)) return clusterSettings[name]
  return Object.hasOwn(httpSettings, name)
    ? httpSettings[name as HttpSettingName]
    : settings[name as SettingName]
}

/** Where the port of the HTTP gateway comes from, for messages. `place`: the file, with a colon. */
function portLabel(sources: ReadonlyMap<AnySettingName, string>, place: string): string {
  const source = sources.get('httpPort')
  return source !== undefined && /^(--|ERINYS_)/.test(source) ? source : `${place}http.port`
}

function isOfCluster(name: AnySettingName): name is ClusterSettingName {
  return Object.hasOwn(clusterSettings, name)
}

function schemaOf(directory: string): z.ZodType<Written> {
  const readers = settingNames.map((name) => [name, settings[name].reads.optional()] as const)
  const schema = fields({
    ...Object.fromEntries(readers),
    groups: groupsSchema(directory).optional(),
    users: usersSchema().optional(),
    cluster: clusterSchema().optional(),
    http: httpSchema().optional(),
  })
  return schema as z.ZodType<Written>
}

/** The value of a setting; that of a path made absolute. An empty path means none. */
function absolute(name: AnySettingName, value: unknown, base: string): unknown {
  const { isPath = false } = settingOf(name) as Partial<Setting<unknown, unknown>>
  return isPath && typeof value === 'string' && value !== '' ? resolve(base, value) : value
}

/** `groups.scores.ttl`, `groups['my.group'].ttl`, `bind[0]`. */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    const name = String(step)
    if (!/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name)) return `${text}[${show(name)}]`
    return text === '' ? name : `${text}.${name}`
  }, '')
}

/** The value of a setting's environment variable; an empty one counts as none. */
function variableText(variables: Variables, name: AnySettingName): string | undefined {
  const text = variables[variableName(name)]
  const isPort = /port$/i.test(name)
  return text === '' || (isPort && isOfKubernetes(text)) ? undefined : text
}

/**
 * Kubernetes sets ERINYS_PORT=tcp://10.0.0.1:7000 in every container for a service called `erinys`, and ERINYS_DNS_PORT,
 * ERINYS_HTTP_PORT and ERINYS_TLS_PORT for those called `erinys-dns`, `erinys-http` and `erinys-tls`.
 */
function isOfKubernetes(text: string | undefined): boolean {
  return text !== undefined && /^(tcp|udp|sctp):\/\//.test(text)
}

/** The error for a variable whose name is nearly that of a setting. Others may belong to another program. */
function misspelt(variable: string): string[] {
  if (!variable.startsWith(PREFIX)) return []
  const names = [...settingNames, ...clusterSettingNames, ...httpSettingNames].map(variableName)
  const known = [...names, ...OTHER_VARIABLES].map((name) => name.slice(PREFIX.length))
  const rest = variable.slice(PREFIX.length)
  const meant = known.includes(rest) ? undefined : nearest(rest, known)
  return meant === undefined ? [] : [`${variable}: unknown variable, did you mean ${PREFIX}${meant}?`]
}

const NO_USERS: ConfiguredUsers = { users: [], needsLogin: false }
