// CONFIG: shows and changes the settings of the node.

import { Glob } from '../../bytes/glob.ts'
import type { Args } from '../../resp/args.ts'
import { errorReply } from '../../resp/reply.ts'
import type { CommandSpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import type { Context } from '../spec/context.ts'
import { INTERNAL_ERROR, SYNTAX_ERROR } from '../spec/errors.ts'
import { ReloadError } from '../spec/host.ts'
import type { Apply, Parameter } from '../spec/parameter.ts'
import { arg } from '../spec/shorthand.ts'

const COMMON = {
  flags: ['admin', 'noscript', 'loading', 'stale'],
  categories: ['admin', 'slow', 'dangerous'],
  group: 'server',
} as const

const TO_ALL = ['request_policy:all_nodes', 'response_policy:all_succeeded']
const PER_PARAMETER = 'O(N) when N is the number of configuration parameters provided'

const subcommands: readonly CommandSpec[] = [
  {
    ...COMMON,
    name: 'get',
    arity: -3,
    summary: 'Returns the effective values of configuration parameters.',
    since: '2.0.0',
    complexity: PER_PARAMETER,
    history: [['7.0.0', 'Added the ability to pass multiple pattern parameters in one call']],
    arguments: [arg('parameter', 'string', { multiple: true })],
    run: get,
  },
  {
    ...COMMON,
    name: 'reload',
    flags: [...COMMON.flags, 'no_multi'],
    arity: -2,
    summary: 'Reads the configuration again, and returns what it has changed. DRYRUN changes nothing.',
    since: '0.2.0',
    group: 'erinys',
    complexity: 'O(N) where N is the number of groups and settings.',
    tips: ['nondeterministic_output'],
    arguments: [arg('dryrun', 'pure-token', { token: 'DRYRUN', optional: true })],
    run: reload,
  },
  {
    ...COMMON,
    name: 'resetstat',
    arity: 2,
    summary: "Resets the server's statistics.",
    since: '2.0.0',
    complexity: 'O(1)',
    tips: TO_ALL,
    run: resetStatistics,
  },
  {
    ...COMMON,
    name: 'rewrite',
    arity: 2,
    summary: 'Persists the effective configuration to file.',
    since: '2.8.0',
    complexity: 'O(1)',
    tips: TO_ALL,
    run: ({ reply }) =>
      reply.error('ERR CONFIG REWRITE is not supported: change the configuration file itself'),
  },
  {
    ...COMMON,
    name: 'set',
    arity: -4,
    summary: 'Sets configuration parameters in-flight.',
    since: '2.0.0',
    complexity: PER_PARAMETER,
    tips: TO_ALL,
    history: [['7.0.0', 'Added the ability to set multiple parameters in one call.']],
    arguments: [
      arg('data', 'block', {
        multiple: true,
        arguments: [arg('parameter', 'string'), arg('value', 'string')],
      }),
    ],
    secrets: passwords,
    run: set,
  },
]

export const configCommands: readonly CommandSpec[] = [
  container({
    name: 'config',
    flags: [],
    categories: ['slow'],
    summary: 'A container for server configuration commands.',
    since: '2.0.0',
    helpSince: '5.0.0',
    group: 'server',
    subcommands,
  }),
]

const GLOB = /[*?[]/

/** Names of parameters are case-insensitive; the group's name in `maxmemory:<group>` is not. */
function findParameter({ host }: Context, name: string): Parameter | undefined {
  return host.parameters.get(name) ?? host.parameters.get(name.toLowerCase())
}

/** The matching parameters, each once; one given by its plain name keeps the spelling of the request. */
function get(c: Context): void {
  const { args, host, reply } = c
  const found = new Map<Parameter, string>()
  for (let i = 2; i < args.count; i++) {
    const pattern = args.text(i)
    if (!GLOB.test(pattern)) {
      const parameter = findParameter(c, pattern)
      if (parameter !== undefined && !found.has(parameter)) found.set(parameter, pattern)
      continue
    }
    const glob = new Glob(args.buf, args.start[i], args.end[i], true)
    for (const [name, parameter] of host.parameters) {
      const bytes = Buffer.from(name)
      if (!glob.matches(bytes, 0, bytes.length)) continue
      if (!found.has(parameter)) found.set(parameter, name)
    }
  }
  reply.map(found.size)
  for (const [parameter, name] of found) {
    reply.bulkText(name)
    reply.bulkText(parameter.get())
  }
}

/** Applies all pairs or none. */
function set(c: Context): void {
  const { args, reply } = c
  if (args.count % 2 !== 0) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const names = Array.from({ length: args.count / 2 - 1 }, (_, i) => args.text(2 + 2 * i))
  const parameters = names.map((name) => findParameter(c, name))
  const unknown = parameters.indexOf(undefined)
  if (unknown >= 0) {
    reply.error(`ERR Unknown option or number of arguments for CONFIG SET - '${names[unknown]}'`)
    return
  }
  const applies: Apply[] = []
  const errors = parameters.map((parameter, i): string | undefined => {
    if (parameter?.accept === undefined) return "can't set immutable config"
    return parameters.indexOf(parameter) === i ? undefined : 'duplicate parameter'
  })
  for (const [i, parameter] of parameters.entries()) {
    if (errors.some((error) => error !== undefined)) break
    const accepted = parameter?.accept?.(args.text(3 + 2 * i)) ?? ''
    if (typeof accepted === 'string') errors[i] = accepted
    else applies.push(accepted)
  }
  if (errors.every((error) => error === undefined))
    acceptTogether(c, parameters as Parameter[], errors, applies)
  const failed = errors.findIndex((error) => error !== undefined)
  if (failed >= 0) {
    const name = names[failed]
    reply.error(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${errors[failed]}`)
    return
  }
  for (const apply of applies) apply()
  reply.ok()
}

/** Checks parameters that are valid only together. An error is that of the first of them. */
function acceptTogether(
  { args }: Context,
  parameters: readonly Parameter[],
  errors: (string | undefined)[],
  applies: Apply[],
): void {
  for (const joint of new Set(parameters.map((parameter) => parameter.joint))) {
    if (joint === undefined) continue
    const positions = [...parameters.keys()].filter((i) => parameters[i].joint === joint)
    const texts = new Map(positions.map((i) => [parameters[i].name, args.text(3 + 2 * i)]))
    const accepted = joint.accept(texts)
    if (typeof accepted === 'string') errors[positions[0]] = accepted
    else applies.push(accepted)
  }
}

const SECRET_PARAMETERS = ['REQUIREPASS', 'TLS-KEY-FILE-PASS', 'TLS-CLIENT-KEY-FILE-PASS']

/** Positions of values that MONITOR and the slow log must not show. */
function passwords(args: Args): readonly number[] {
  const positions: number[] = []
  for (let i = 2; i + 1 < args.count; i += 2)
    if (SECRET_PARAMETERS.some((name) => args.is(i, name))) positions.push(i + 1)
  return positions
}

/** An array of one text for each change, which may be empty; or an error with everything that is wrong. */
function reload(c: Context): void {
  const { args, host, reply } = c
  const isTrial = args.count > 2
  if (isTrial && (args.count > 3 || !args.is(2, 'DRYRUN'))) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const complete = c.defer()
  host.reload(isTrial).then(
    (lines) => complete(encodeTexts(lines)),
    (error: unknown) => complete(errorReply(reloadError(error, host))),
  )
}

function reloadError(error: unknown, host: Context['host']): string {
  if (error instanceof ReloadError)
    return `ERR the configuration was refused, nothing has changed: ${error.message.replace(/[\r\n]+/g, ' ')}`
  host.reportFault(error, 'config|reload')
  return INTERNAL_ERROR
}

function encodeTexts(texts: readonly string[]): Buffer {
  const parts = texts.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`)
  return Buffer.from(`*${texts.length}\r\n${parts.join('')}`)
}

function resetStatistics({ host, reply }: Context): void {
  host.telemetry.reset()
  host.stats.reset()
  host.http.reset()
  host.access.log.resetCounts()
  for (const group of host.groups) {
    const { store, flights, waitLimit, writes } = group
    group.hits = 0
    group.negativeHits = 0
    group.misses = 0
    group.staleHits = 0
    group.rescued = 0
    group.governor?.resetCounters()
    group.originCalls.resetCounters()
    writes?.resetCounters()
    store.evicted = 0
    store.expired = 0
    store.invalidated = 0
    group.copies?.resetCounters()
    if (waitLimit !== undefined) waitLimit.ended = 0
    if (flights === undefined) continue
    flights.loads = 0
    flights.failures = 0
    flights.joined = 0
    flights.fenced = 0
    flights.refreshes = 0
    flights.unchanged = 0
    flights.batchSizes?.reset()
  }
  reply.ok()
}
