// One value: read, written, removed, purged.

import { type Reply, wholeReply } from '../../cluster/links/request.ts'
import type { Group } from '../../group/group.ts'
import { CLOSING, type Exchange } from '../exchange.ts'
import type { Read } from '../read.ts'
import { RefusedError } from '../requests/body.ts'
import { lifetimeOf, listOf } from '../requests/fields.ts'
import { PRECONDITION_FAILED, preconditionOf } from '../requests/preconditions.ts'
import { BadRequestError } from '../requests/target.ts'
import { codingFor, compressed } from '../responses/compression.ts'
import { type Fetched, readFetched } from '../responses/fetched.ts'
import { addCourse, addFreshness } from '../responses/freshness.ts'
import { jsonOf, type TextEncoding } from '../responses/json-value.ts'
import { problemIn, quote } from '../responses/problem.ts'
import type { Headers } from '../responses/responder.ts'
import { entityTag, isMatched, isNotModified, rangeOf } from '../responses/validators.ts'
import { problem, type Route, type RouteParameter } from '../route.ts'

const GROUP: RouteParameter = {
  name: 'group',
  in: 'path',
  required: true,
  description: 'The name of a group.',
  schema: { type: 'string' },
}

const KEY: RouteParameter = {
  name: 'key',
  in: 'path',
  required: true,
  description: 'The key: any bytes, percent-encoded. A slash is written plainly or as `%2F`.',
  schema: { type: 'string' },
}

export const KEYED: readonly RouteParameter[] = [GROUP, KEY]

export const ENCODING: RouteParameter = {
  name: 'encoding',
  in: 'query',
  description:
    'How the strings of a JSON body stand for bytes. Without it, bytes that are not UTF-8 are an error.',
  schema: { enum: ['base64'] },
}

const header = (name: string, description: string): RouteParameter => ({
  name,
  in: 'header',
  description,
  schema: { type: 'string' },
})

export const UNKNOWN_GROUP = problem('There is no such group (`unknown-group`), or no such key (`absent`).')

/** What a failing origin or peer gives, on every route that may ask one. */
export const FAILURES = {
  502: problem('The origin has failed (`origin-failed`); `detail` has the reason.'),
  503: problem(
    'The circuit breaker is open or the origin overloaded (`origin-unavailable`), the owner of the key unreachable (`peer-down`), or the node busy or closing. With `Retry-After`.',
  ),
  504: problem('The origin has not answered in time (`origin-timeout`).'),
} as const

const CONDITION = problem('There is a value, or none, against the condition (`precondition-failed`).')
const UNSUPPORTED = problem('The condition cannot be checked (`unsupported-condition`).')

/** The route that reads a value, and the access that it needs. */
export const READ_OPERATION = 'getValue'
export const READ_ACCESS = { command: 'fetch', of: 'key' } as const

export const valueRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/cache/{group}/{key*}',
    operation: READ_OPERATION,
    tag: 'Values',
    summary: 'Reads a value, and loads it from the origin of the group on a miss.',
    description:
      'A string is sent as its bytes, with the content type of the group. A collection is JSON: a hash is an object, a list and a set are arrays, a sorted set is an array of pairs of member and score, a stream is an array of pairs of ID and fields.',
    parameters: [
      ...KEYED,
      ENCODING,
      header('If-None-Match', 'Validators of versions that the client has.'),
      header('If-Match', 'Validators of versions, one of which the client wants.'),
      header('Range', 'One range of bytes, such as `bytes=0-99`.'),
      header('If-Range', 'The validator of the version that the range is of.'),
    ],
    responses: {
      200: {
        description: 'The value.',
        content: { 'application/octet-stream': { type: 'string', format: 'binary' }, 'application/json': {} },
        headers: {
          ETag: 'The validator of the body.',
          'Cache-Control': 'The TTL of the entry, and what the group does with stale values.',
          Age: 'Seconds since the value was loaded.',
          'X-Cache': 'What answered: `hit`, `miss` (loaded for this request), `stale`, `absent` or `copy`.',
          'Server-Timing':
            'Milliseconds: `hop` to the owner of the key and back, `wait` for the load, `load`.',
        },
      },
      206: { description: 'The range of bytes.', content: { 'application/octet-stream': {} } },
      304: { description: 'The client has this version.' },
      404: UNKNOWN_GROUP,
      412: problem('The value is another version (`precondition-failed`).'),
      406: problem('The value has bytes that JSON cannot express (`not-text`): ask with `encoding`.'),
      416: problem('The value has no such bytes.'),
      ...FAILURES,
    },
    access: READ_ACCESS,
    handle: getValue,
  },
  {
    method: 'PUT',
    path: '/cache/{group}/{key*}',
    operation: 'putValue',
    tag: 'Values',
    summary: 'Writes a value, also to the origin where the group writes through or behind.',
    parameters: [
      ...KEYED,
      {
        name: 'ttl',
        in: 'query',
        description: 'Its TTL, such as `5m` or `250ms`, or milliseconds. Default: that of the group.',
        schema: { type: 'string' },
      },
      header('X-Tags', 'Its tags, separated by commas.'),
      header('If-None-Match', '`*`: only if there is no value.'),
      header('If-Match', '`*`: only if there is a value.'),
    ],
    body: { description: 'The value.', content: { '*/*': { type: 'string', format: 'binary' } } },
    responses: {
      204: { description: 'It is written.' },
      403: problem('The group refuses writes (`writes-refused`), or the user may not write.'),
      404: problem('There is no such group.'),
      412: CONDITION,
      413: problem('The body is larger than the group or the node allows.'),
      415: problem('The body has a `Content-Encoding` (`unsupported-media-type`).'),
      501: UNSUPPORTED,
      ...FAILURES,
    },
    access: { command: 'set', of: 'key' },
    handle: putValue,
  },
  {
    method: 'DELETE',
    path: '/cache/{group}/{key*}',
    operation: 'deleteValue',
    tag: 'Values',
    summary: 'Removes a value, also from the origin where the group writes through or behind.',
    parameters: [...KEYED, header('If-Match', '`*`: only if there is a value.')],
    responses: {
      204: { description: 'It is removed.' },
      403: problem('The group refuses writes (`writes-refused`), or the user may not write.'),
      404: UNKNOWN_GROUP,
      412: CONDITION,
      501: UNSUPPORTED,
      ...FAILURES,
    },
    access: { command: 'del', of: 'key' },
    handle: deleteValue,
  },
]

export function getValue(read: Read): void {
  const { group } = read
  const startedAt = performance.now()
  read.services.commands.run(read.caller, group, ['FETCH', read.key], {
    replied: (first, rest, isForwarded) => {
      if (read.isGone) return
      const reply = wholeReply(first, rest)
      try {
        const refusal = problemIn(reply)
        if (refusal !== undefined) read.problem(refusal)
        else answer(read, group, readFetched(reply), isForwarded, performance.now() - startedAt)
      } catch (error) {
        read.fail(error)
      }
    },
    closed: () => read.problem(CLOSING),
  })
}

/** Sends the fetched value. @throws RefusedError */
function answer(read: Read, group: Group, fetched: Fetched, isForwarded: boolean, totalMs: number): void {
  const { method, services } = read
  const { compress } = services.options
  const asked = read.headers
  const headers: Headers = []
  addFreshness(headers, group, fetched, asked.authorization !== undefined)
  addCourse(headers, fetched, isForwarded, totalMs)
  const { value } = fetched
  if (value === undefined) {
    read.problem(
      { status: 404, type: 'absent', detail: `group ${quote(group.name)} has no such key` },
      headers,
    )
    return
  }
  const isString = Buffer.isBuffer(value)
  const type = isString ? (group.policy.contentType ?? 'application/octet-stream') : 'application/json'
  const body = isString ? value : Buffer.from(jsonOf(fetched, encodingOf(read)))
  headers.push('Content-Type', type)
  // RFC 9110, section 14.2: ranges are of GET only.
  const range = method === 'GET' ? asked.range : undefined
  const coding =
    compress && range === undefined ? codingFor(asked['accept-encoding'], type, body.length) : undefined
  if (compress) headers.push('Vary', 'Accept-Encoding')
  const own = entityTag(body)
  // Another representation has another validator.
  const tag = coding === undefined ? own : `${own.slice(0, -1)}-${coding}"`
  headers.push('ETag', tag)
  const condition = asked['if-match']
  if (condition !== undefined && !isMatched(condition, tag)) read.problem(PRECONDITION_FAILED, ['ETag', tag])
  else if (isNotModified(asked['if-none-match'], tag)) read.send(304, headers)
  else if (coding !== undefined) {
    headers.push('Content-Encoding', coding)
    void compressed(body, coding).then(
      (bytes) => read.send(200, headers, bytes),
      (error) => read.fail(error),
    )
  } else {
    headers.push('Accept-Ranges', 'bytes')
    if (range === undefined) read.send(200, headers, body)
    else sendRange(read, headers, body, tag)
  }
}

function sendRange(read: Read, headers: Headers, body: Buffer, tag: string): void {
  const range = rangeOf(read.headers, body.length, tag)
  if (range === undefined) read.send(200, headers, body)
  else if (range === 'none') {
    const detail = `the value has ${body.length} bytes`
    const none: Headers = ['Content-Range', `bytes */${body.length}`, 'ETag', tag]
    read.problem({ status: 416, type: 'range-not-satisfiable', detail }, none)
  } else {
    const { first, last } = range
    headers.push('Content-Range', `bytes ${first}-${last}/${body.length}`)
    read.send(206, headers, body.subarray(first, last + 1))
  }
}

/** @throws BadRequestError */
export function encodingOf({ target }: Pick<Read, 'target'>): TextEncoding {
  if (target.query === '') return 'utf8'
  const encoding = new URLSearchParams(target.query).get('encoding')
  if (encoding === null || encoding === 'utf8') return 'utf8'
  if (encoding === 'base64') return 'base64'
  throw new BadRequestError(`got ${quote(encoding)} for encoding, wants base64`)
}

async function putValue(exchange: Exchange): Promise<void> {
  const group = exchange.group
  const key = exchange.key
  const condition = preconditionOf(exchange.headers, ['exists', 'absent'])
  if (exchange.header('content-range') !== undefined)
    throw new BadRequestError('got Content-Range: a part of a value cannot be written')
  const ttl = lifetimeOf(exchange.query.get('ttl'))
  const tags = listOf(exchange.header('x-tags'), ',')
  const options: (string | Buffer)[] = []
  if (ttl !== undefined) options.push('PX', String(ttl))
  if (tags.length > 0) options.push('TAGS', String(tags.length), ...tags)
  if (condition !== undefined) {
    // So that a value counts that only the origin has: the command sees only what is cached.
    if ((await exists(exchange, group)) !== (condition === 'exists'))
      throw new RefusedError(PRECONDITION_FAILED)
    options.push(condition === 'exists' ? 'XX' : 'NX')
  }
  const most = Math.min(group.maxBytes, exchange.services.host.protoMaxBulkLen)
  const reply = await exchange.body(most, (body) => exchange.ask(group, 'SET', key, body, ...options))
  if (reply === null) throw new RefusedError(PRECONDITION_FAILED)
  exchange.send(204, [])
}

async function deleteValue(exchange: Exchange): Promise<void> {
  const group = exchange.group
  const condition = preconditionOf(exchange.headers, ['exists'])
  if (condition !== undefined && !(await exists(exchange, group))) throw new RefusedError(PRECONDITION_FAILED)
  await exchange.ask(group, 'DEL', exchange.key)
  exchange.send(204, [])
}

/** Whether there is a value, in the cache or at the origin, which is then loaded. */
async function exists(exchange: Exchange, group: Group): Promise<boolean> {
  const fetched = (await exchange.ask(group, 'FETCH', exchange.key)) as readonly Reply[]
  return String(fetched[1]) !== 'none'
}
