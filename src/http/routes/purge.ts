// PURGE: a changed source invalidates a key, or tags, as in other HTTP caches.

import type { Group } from '../../group/group.ts'
import type { Exchange } from '../exchange.ts'
import { listOf } from '../requests/fields.ts'
import { BadRequestError } from '../requests/target.ts'
import type { Route, RouteParameter } from '../route.ts'
import { FAILURES, KEYED, UNKNOWN_GROUP } from './values.ts'

const HEADERS: readonly RouteParameter[] = [
  {
    name: 'Surrogate-Key',
    in: 'header',
    description: 'Tags, separated by spaces: all entries of the group with one of them are purged.',
    schema: { type: 'string' },
  },
  {
    name: 'Cache-Tag',
    in: 'header',
    description: 'The same, separated by commas.',
    schema: { type: 'string' },
  },
  {
    name: 'Soft-Purge',
    in: 'header',
    description: '`1`: entries become stale instead of absent, where the group serves stale values.',
    schema: { enum: ['0', '1'] },
  },
]

const RESULT = {
  description: 'The entry of the key that was purged, if it was cached, and the number of tags.',
  content: {
    'application/json': {
      type: 'object',
      properties: { purged: { type: 'integer' }, tags: { type: 'integer' } },
    },
  },
}

export const purgeRoutes: readonly Route[] = [
  {
    method: 'PURGE',
    path: '/cache/{group}/{key*}',
    operation: 'purgeKey',
    tag: 'Invalidation',
    summary: 'Drops a key from the cache, and the entries with the given tags. The origin is not written.',
    parameters: [...KEYED, ...HEADERS],
    responses: { 200: RESULT, 404: UNKNOWN_GROUP, ...FAILURES },
    access: { command: 'invalidate', of: 'key', first: 'any' },
    handle: (exchange) => purge(exchange, exchange.key),
  },
  {
    method: 'PURGE',
    path: '/cache/{group}',
    operation: 'purgeTags',
    tag: 'Invalidation',
    summary: 'Drops the entries with the given tags from the cache. The origin is not written.',
    parameters: [KEYED[0], ...HEADERS],
    responses: { 200: RESULT, 404: UNKNOWN_GROUP, ...FAILURES },
    access: { command: 'invalidate', of: 'group', first: 'any' },
    handle: (exchange) => purge(exchange, undefined),
  },
]

async function purge(exchange: Exchange, key: Buffer | undefined): Promise<void> {
  const group = exchange.group
  const soft = isSoft(exchange)
  const tags = [
    ...listOf(exchange.header('surrogate-key'), ' '),
    ...listOf(exchange.header('cache-tag'), ','),
  ]
  if (key === undefined && tags.length === 0) {
    throw new BadRequestError('name tags (Surrogate-Key or Cache-Tag), or a key: PURGE /cache/<group>/<key>')
  }
  const purged = key === undefined ? 0 : await invalidate(exchange, group, soft, 'KEY', [key])
  if (tags.length > 0) await invalidate(exchange, group, soft, 'TAG', tags)
  exchange.json(200, { purged: Number(purged), tags: tags.length })
}

function invalidate(
  exchange: Exchange,
  group: Group,
  soft: boolean,
  what: 'KEY' | 'TAG',
  names: readonly Buffer[],
) {
  return exchange.ask(group, 'INVALIDATE', ...(soft ? ['SOFT'] : []), what, ...names)
}

/** @throws BadRequestError */
function isSoft(exchange: Exchange): boolean {
  const value = exchange.header('soft-purge')?.trim() ?? '0'
  if (value === '1' || value === '0') return value === '1'
  throw new BadRequestError('Soft-Purge wants 1 or 0')
}
