// Translates replies of Redis for the origin: values with their TTL, and errors.

import { loaded, type OriginResult, type OriginValue } from '../../group/origin.ts'
import { errorText } from '../abortable.ts'
import { isTlsFault } from '../tls-options.ts'

/** One command's error or reply, as ioredis gives those of a pipeline. */
export type PipelineReply = readonly [error: Error | null, reply: unknown]

/** ioredis: the name of an error that the server replied. */
export const REPLY_ERROR = 'ReplyError'

/** Replies of PTTL: no such key; no TTL. */
export const GONE = -2
export const ENDLESS = -1

/** Permanent errors: about the password, the user, its rights, the database, the kind of server. */
const LASTING =
  /^(WRONGPASS|NOAUTH|ERR (invalid|wrong) password|NOPERM .*command|ERR (DB index|invalid DB|.*cluster support disabled))/i

/** Replies of servers and proxies that do not have a command, or do not allow it. */
const REFUSED = /^(NOPERM|ERR (unknown|unsupported)|unsupported)|not supported/i

export function isRefused(error: Error | null): error is Error {
  return error !== null && REFUSED.test(error.message)
}

/** The reply for a key that the user may not read. */
export function isForbiddenKey(error: unknown): boolean {
  return error instanceof Error && /^NOPERM .*\bkeys?\b/.test(error.message)
}

/** The reply of GET for a key that is not a string. */
export function isWrongType(error: Error | null): boolean {
  return error?.message.startsWith('WRONGTYPE') === true
}

/** A key that expired between the two commands is returned to the waiters and not cached. */
export function resultOf(value: OriginValue, [error, ttl]: PipelineReply): OriginResult {
  if (value === null) return null
  if (error !== null) throw error
  return ttl === ENDLESS ? value : loaded(value, { ttl: Math.max(0, Number(ttl)) })
}

/** The command that an error is the reply to. */
export function commandOf(error: unknown): string | undefined {
  return (error as { readonly command?: { readonly name?: string } } | undefined)?.command?.name
}

/** Whether an error is permanent: it needs another password, user or database. */
export function isLasting(error: unknown): boolean {
  const found = nodeError(error)
  if (!(found instanceof Error)) return false
  return (
    LASTING.test(found.message) ||
    isTlsFault(found) ||
    (commandOf(found) === 'select' && found.name === REPLY_ERROR)
  )
}

export function failureText(error: unknown): string {
  return errorText(nodeError(error))
}

/** The error of a node of a cluster says more than that all nodes have failed. */
function nodeError(error: unknown): unknown {
  return (error as { readonly lastNodeError?: Error } | undefined)?.lastNodeError ?? error
}
