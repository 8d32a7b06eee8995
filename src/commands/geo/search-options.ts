// The arguments of GEOSEARCH, GEORADIUS and their variants.

import { Position } from '../../bytes/geo/geohash.ts'
import type { SearchArea } from '../../bytes/geo/search.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { readInteger } from '../spec/arguments.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { readNumber, readPosition, readUnit } from './coordinates.ts'

/** What the command names before its options. */
type SearchForm = 'position' | 'member' | 'options'

export interface SearchCommand {
  readonly form: SearchForm
  /** The argument of the key that is searched. */
  readonly sourceAt: number
  /** The first option. */
  readonly optionsAt: number
  /** STORE and STOREDIST are options. */
  readonly mayStore?: true
  /** The result is always stored under this argument. */
  readonly storeAt?: number
}

export class SearchOptions {
  storeAt = 0
  storesDistance = false
  withDistance = false
  withHash = false
  withPosition = false
  /** 0: all. */
  count = 0
  any = false
  order: 'none' | 'ascending' | 'descending' = 'none'
  longitude = 0
  latitude = 0
  unitMeters = 1
  radius: number | undefined = undefined
  width: number | undefined = undefined
  height: number | undefined = undefined
  from: 'none' | 'member' | 'position' = 'none'

  get area(): SearchArea {
    const { longitude, latitude, unitMeters, radius, width, height } = this
    return { longitude, latitude, unitMeters, radius, width, height }
  }
}

/**
 * Reads all arguments of a search.
 *
 * @param source the sorted set; NULL_REF: there is none, and the members that are named are not looked up
 * @returns undefined after an error reply
 */
export function readSearch(c: Context, command: SearchCommand, source: Ref): SearchOptions | undefined {
  const options = new SearchOptions()
  const { args, reply } = c
  const { form, optionsAt, storeAt } = command
  const isSearch = form === 'options'
  options.storeAt = storeAt ?? 0
  if (form === 'position' && !(readCenter(c, options, 2) && readRadius(c, options, 4))) return undefined
  if (form === 'member' && source !== NULL_REF) {
    if (!(readMember(c, options, source, 2) && readRadius(c, options, 3))) return undefined
  }
  for (let i = optionsAt; i < args.count; i++) {
    const values = readOption(c, options, command, source, i)
    if (values < 0) return undefined
    i += values
  }
  if (options.storeAt !== 0 && (options.withDistance || options.withHash || options.withPosition)) {
    const what = storeAt === undefined ? 'STORE option in GEORADIUS' : 'GEOSEARCHSTORE'
    reply.error(`ERR ${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`)
    return undefined
  }
  if (isSearch && options.from === 'none') return replyOneOf(c, 'FROMMEMBER or FROMLONLAT')
  if (isSearch && options.radius === undefined && options.width === undefined)
    return replyOneOf(c, 'BYRADIUS and BYBOX')
  if (options.any && options.count === 0) {
    reply.error('ERR the ANY argument requires COUNT argument')
    return undefined
  }
  return options
}

function replyOneOf(c: Context, choices: string): undefined {
  c.reply.error(`ERR exactly one of ${choices} can be specified for ${c.args.latin1(0)}`, 'latin1')
}

/** Reads the option at argument `i`. Returns how many values it has; -1 after an error reply. */
function readOption(
  c: Context,
  options: SearchOptions,
  command: SearchCommand,
  source: Ref,
  i: number,
): number {
  const { args, reply } = c
  const more = args.count - 1 - i
  const isSearch = command.form === 'options'
  if (args.is(i, 'WITHDIST')) options.withDistance = true
  else if (args.is(i, 'WITHHASH')) options.withHash = true
  else if (args.is(i, 'WITHCOORD')) options.withPosition = true
  else if (args.is(i, 'ANY')) options.any = true
  else if (args.is(i, 'ASC')) options.order = 'ascending'
  else if (args.is(i, 'DESC')) options.order = 'descending'
  else if (more >= 1 && args.is(i, 'COUNT')) return readCount(c, options, i + 1) ? 1 : -1
  else if (more >= 1 && command.mayStore && (args.is(i, 'STORE') || args.is(i, 'STOREDIST'))) {
    options.storeAt = i + 1
    options.storesDistance = args.is(i, 'STOREDIST')
    return 1
  } else if (command.storeAt !== undefined && args.is(i, 'STOREDIST')) options.storesDistance = true
  else if (more >= 1 && isSearch && options.from !== 'position' && args.is(i, 'FROMMEMBER')) {
    options.from = 'member'
    return source === NULL_REF || readMember(c, options, source, i + 1) ? 1 : -1
  } else if (more >= 2 && isSearch && options.from !== 'member' && args.is(i, 'FROMLONLAT')) {
    options.from = 'position'
    return readCenter(c, options, i + 1) ? 2 : -1
  } else if (more >= 2 && isSearch && options.width === undefined && args.is(i, 'BYRADIUS')) {
    return readRadius(c, options, i + 1) ? 2 : -1
  } else if (more >= 3 && isSearch && options.radius === undefined && args.is(i, 'BYBOX')) {
    return readBox(c, options, i + 1) ? 3 : -1
  } else {
    reply.error(SYNTAX_ERROR)
    return -1
  }
  return 0
}

// Each of these is false after an error reply.

function readCount(c: Context, options: SearchOptions, i: number): boolean {
  const count = readInteger(c, i)
  if (Number.isNaN(count)) return false
  if (count <= 0) {
    c.reply.error('ERR COUNT must be > 0')
    return false
  }
  options.count = count
  return true
}

function readCenter(c: Context, options: SearchOptions, i: number): boolean {
  const position = readPosition(c, i)
  if (position === undefined) return false
  options.longitude = position[0]
  options.latitude = position[1]
  return true
}

/** The center is that of a member. */
function readMember(c: Context, options: SearchOptions, source: Ref, i: number): boolean {
  const { buf, start, end } = c.args
  const { sortedSets } = c.store
  if (!sortedSets.find(source, buf, start[i], end[i])) {
    c.reply.error('ERR could not decode requested zset member')
    return false
  }
  const position = new Position()
  position.decode(sortedSets.score[0])
  options.longitude = position.longitude
  options.latitude = position.latitude
  return true
}

function readRadius(c: Context, options: SearchOptions, i: number): boolean {
  const radius = readNumber(c, i, 'ERR need numeric radius')
  if (Number.isNaN(radius)) return false
  if (radius < 0) {
    c.reply.error('ERR radius cannot be negative')
    return false
  }
  options.radius = radius
  options.unitMeters = readUnit(c, i + 1)
  return !Number.isNaN(options.unitMeters)
}

function readBox(c: Context, options: SearchOptions, i: number): boolean {
  const width = readNumber(c, i, 'ERR need numeric width')
  if (Number.isNaN(width)) return false
  const height = readNumber(c, i + 1, 'ERR need numeric height')
  if (Number.isNaN(height)) return false
  if (width < 0 || height < 0) {
    c.reply.error('ERR height or width cannot be negative')
    return false
  }
  options.width = width
  options.height = height
  options.unitMeters = readUnit(c, i + 2)
  return !Number.isNaN(options.unitMeters)
}
