// CLIENT KILL: its filters and replies.

import type { User } from '../../access/user.ts'
import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { HttpClient } from '../../telemetry/http-stats.ts'
import type { Client } from '../spec/client.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'

/** The type of HTTP connections; Redis has none. */
export const HTTP_TYPE = 'http'

/** Connections of the Redis protocol are of the type 'normal'; those of Redis's other types do not exist. */
const TYPES = new Set(['normal', 'master', 'slave', 'replica', 'pubsub', HTTP_TYPE])

interface Filters {
  id?: number
  type?: string
  address?: string
  localAddress?: string
  skipMe: boolean
  user?: User
}

/** Argument `i` as one of Redis's types of client, in lower case; `undefined` after an error reply. */
export function clientType(c: Context, i: number): string | undefined {
  const type = c.args.latin1(i).toLowerCase()
  if (TYPES.has(type)) return type
  c.reply.error(`ERR Unknown client type '${c.args.latin1(i)}'`, 'latin1')
  return undefined
}

export function clientKill(c: Context): void {
  const { args, client, host, reply } = c
  const isOldForm = args.count === 3
  const filters = isOldForm ? { address: args.latin1(2), skipMe: false } : readFilters(c)
  if (filters === undefined) return
  const doomed = [...host.clients.values()].filter((each) => matches(each, filters, client))
  const doomedHttp = [...host.http.clients.values()].filter((each) => matchesHttp(each, filters))
  for (const each of doomed) each.close(each === client)
  for (const each of doomedHttp) each.destroy()
  const count = doomed.length + doomedHttp.length
  if (!isOldForm) reply.integer(count)
  else if (count === 0) reply.error('ERR No such client')
  else reply.ok()
}

/** `undefined` after an error reply. */
function readFilters(c: Context): Filters | undefined {
  const { args, reply } = c
  const filters: Filters = { skipMe: true }
  for (let i = 2; i < args.count; i += 2) {
    const value = i + 1
    if (value === args.count) return fail(c, SYNTAX_ERROR)
    if (args.is(i, 'ID')) {
      const id = parseInteger(args.buf, args.start[value], args.end[value])
      if (!(id > 0)) return fail(c, 'ERR client-id should be greater than 0')
      filters.id = id
    } else if (args.is(i, 'TYPE')) {
      filters.type = clientType(c, value)
      if (filters.type === undefined) return undefined
    } else if (args.is(i, 'ADDR')) {
      filters.address = args.latin1(value)
    } else if (args.is(i, 'LADDR')) {
      filters.localAddress = args.latin1(value)
    } else if (args.is(i, 'USER')) {
      filters.user = c.host.access.users.get(args.latin1(value))
      if (filters.user !== undefined) continue
      reply.error(`ERR No such user '${args.latin1(value)}'`, 'latin1')
      return undefined
    } else if (args.is(i, 'SKIPME') && (args.is(value, 'YES') || args.is(value, 'NO'))) {
      filters.skipMe = args.is(value, 'YES')
    } else {
      return fail(c, SYNTAX_ERROR)
    }
  }
  return filters
}

function fail(c: Context, text: string): undefined {
  c.reply.error(text)
  return undefined
}

function matches(client: Client, filters: Filters, me: Client): boolean {
  const { id, type, address, localAddress, skipMe, user } = filters
  if (id !== undefined && client.id !== id) return false
  if (type !== undefined && type !== 'normal') return false
  if (address !== undefined && client.address !== address) return false
  if (localAddress !== undefined && client.localAddress !== localAddress) return false
  if (user !== undefined && client.user !== user) return false
  return !(skipMe && client === me)
}

function matchesHttp(client: HttpClient, { id, type, address, localAddress, user }: Filters): boolean {
  if (id !== undefined && client.id !== id) return false
  if (type !== undefined && type !== HTTP_TYPE) return false
  if (address !== undefined && client.address !== address) return false
  if (localAddress !== undefined && client.localAddress !== localAddress) return false
  return user === undefined || client.userName === user.name
}
