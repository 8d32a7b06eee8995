// Many values of a group in one request, streamed; and a group's entries purged by tag.

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { wholeReply } from '../../cluster/links/request.ts'
import type { Group } from '../../group/group.ts'
import { CLOSING, type Exchange } from '../exchange.ts'
import { GoneError, RefusedError } from '../requests/body.ts'
import { BadRequestError } from '../requests/target.ts'
import { readFetched } from '../responses/fetched.ts'
import { jsonOf, type TextEncoding } from '../responses/json-value.ts'
import { INTERNAL_ERROR, type Problem, problemIn, quote } from '../responses/problem.ts'
import type { Headers } from '../responses/responder.ts'
import { problem, type Route } from '../route.ts'
import { ENCODING, encodingOf, FAILURES, KEYED, UNKNOWN_GROUP } from './values.ts'

/** The most bytes of a list of keys. */
const MAX_BODY = 16 * 2 ** 20
/** Keys that are read at the same time: their misses are loaded in batches. */
const WINDOW = 512
/** No more reads begin while this much text of finished reads waits to be sent. */
const AHEAD_LENGTH = 2 ** 20
/** Text is sent in parts of about this size. */
const PART_BYTES = 32 * 1024
/** Failures that the trailer names. */
const MAX_NAMED = 20

const TRAILER = 'X-Problems'

const LONE_SURROGATE = /\p{Surrogate}/u
const UTF8 = new TextDecoder('utf-8', { fatal: true })

export const manyRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/cache/{group}',
    operation: 'getMany',
    tag: 'Values',
    summary: 'Reads many values of a group; misses are loaded together.',
    description: `The body is a JSON array of keys, the response a JSON object from keys to values, which is sent while later values are still loaded. A string is a JSON string, a key that does not exist is null. A key whose read failed is left out, and the trailer \`${TRAILER}\` names it; if all fail, the response is the problem of the first one.`,
    parameters: [KEYED[0], ENCODING],
    body: {
      description: 'The keys; with `encoding=base64` they are base64, too.',
      content: { 'application/json': { type: 'array', items: { type: 'string' } } },
    },
    responses: {
      200: {
        description: 'The values by key.',
        content: { 'application/json': { type: 'object', additionalProperties: true } },
      },
      404: UNKNOWN_GROUP,
      413: problem('The list of keys is too long.'),
      ...FAILURES,
    },
    access: { command: 'fetch', of: 'group', first: 'any' },
    handle: getMany,
  },
]

async function getMany(exchange: Exchange): Promise<void> {
  const group = exchange.group
  const encoding = encodingOf(exchange)
  const names = await exchange.body(MAX_BODY, keysIn)
  const keys = names.map((name) => ({ name, key: keyOf(name, encoding) }))
  for (const { name, key } of keys)
    if (!exchange.allows({ command: 'fetch', group, key, first: key }))
      throw new RefusedError({
        status: 403,
        type: 'forbidden',
        detail: `the user ${quote(exchange.caller.user.name)} may not read ${quote(name)}`,
      })
  await stream(exchange, group, keys, encoding)
}

interface WantedKey {
  readonly name: string
  readonly key: Buffer
}

async function stream(
  exchange: Exchange,
  group: Group,
  keys: readonly WantedKey[],
  encoding: TextEncoding,
): Promise<void> {
  const { response, request } = exchange
  // HTTP/1.0 has no trailers.
  const hasTrailer = request.httpVersionMinor > 0 || request.httpVersionMajor > 1
  const running: Promise<string | Problem>[] = []
  const failures: (readonly [name: string, problem: Problem])[] = []
  let next = 0
  let ahead = 0
  let text = ''
  let isFirst = true
  const ended = (value: string | Problem): void => {
    if (typeof value === 'string') ahead += value.length
  }
  const start = (): void => {
    while (running.length < WINDOW && next < keys.length && (running.length === 0 || ahead < AHEAD_LENGTH))
      running.push(read(exchange, group, keys[next++].key, encoding, ended))
  }
  for (let i = 0; i < keys.length; i++) {
    start()
    const value = await (running.shift() as Promise<string | Problem>)
    const { name } = keys[i]
    if (typeof value !== 'string') {
      failures.push([name, value])
      continue
    }
    ahead -= value.length
    text += `${isFirst ? '{' : ','}${JSON.stringify(name)}:${value}`
    if (isFirst) {
      const headers: Headers = ['Content-Type', 'application/json', 'Cache-Control', 'no-store']
      if (hasTrailer) headers.push('Trailer', TRAILER)
      exchange.begin(200, headers)
    }
    isFirst = false
    if (text.length >= PART_BYTES) {
      await write(response, text)
      text = ''
    }
  }
  if (isFirst) {
    if (failures.length > 0) throw new RefusedError(failures[0][1])
    exchange.json(200, {})
    return
  }
  if (failures.length > 0 && hasTrailer) response.addTrailers({ [TRAILER]: trailerOf(failures) })
  response.end(`${text}}\n`)
}

/** Reads a value. Calls `ended` with its JSON, or with the problem. */
function read(
  exchange: Exchange,
  group: Group,
  key: Buffer,
  encoding: TextEncoding,
  ended: (value: string | Problem) => void,
): Promise<string | Problem> {
  return new Promise((settle) => {
    const resolve = (value: string | Problem): void => {
      ended(value)
      settle(value)
    }
    exchange.services.commands.run(exchange.caller, group, ['FETCH', key], {
      replied: (first, rest) => {
        const reply = wholeReply(first, rest)
        try {
          resolve(problemIn(reply) ?? jsonOf(readFetched(reply), encoding))
        } catch (error) {
          if (!(error instanceof RefusedError)) exchange.fail(error)
          resolve(error instanceof RefusedError ? error.problem : INTERNAL_ERROR)
        }
      },
      closed: () => resolve(CLOSING),
    })
  })
}

/** Waits until the client reads. @throws GoneError */
async function write(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed) throw new GoneError('the client is gone')
  if (response.write(text)) return
  const gone = new AbortController()
  const abort = (): void => gone.abort()
  response.once('close', abort)
  try {
    await once(response, 'drain', { signal: gone.signal })
  } catch {
    throw new GoneError('the client is gone')
  } finally {
    // Removed: a slow reader is waited for many times.
    response.off('close', abort)
  }
}

/** The keys of a body, each once. @throws BadRequestError */
function keysIn(body: Buffer): readonly string[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(UTF8.decode(body))
  } catch {
    throw new BadRequestError('the body is not JSON: wants an array of keys')
  }
  if (!Array.isArray(parsed) || !parsed.every((each) => typeof each === 'string'))
    throw new BadRequestError('the body is not a JSON array of strings, the keys')
  const keys = parsed as string[]
  if (keys.some((key) => LONE_SURROGATE.test(key)))
    throw new BadRequestError('a key has half of a surrogate pair, which stands for no bytes')
  return [...new Set(keys)]
}

/** @throws BadRequestError */
function keyOf(name: string, encoding: TextEncoding): Buffer {
  if (encoding === 'utf8') return Buffer.from(name, 'utf8')
  const key = Buffer.from(name, 'base64')
  if (key.toString('base64').replace(/=+$/, '') !== name.replace(/=+$/, ''))
    throw new BadRequestError(`the key ${quote(name)} is not base64`)
  return key
}

/** JSON in ASCII: a header has no other characters. */
function trailerOf(failures: readonly (readonly [name: string, problem: Problem])[]): string {
  const named = failures.slice(0, MAX_NAMED).map(([key, { status, type, detail }]) => ({
    key: key.slice(0, 200),
    status,
    type,
    detail: detail.slice(0, 200),
  }))
  const text = JSON.stringify({ failed: failures.length, problems: named })
  return text.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
