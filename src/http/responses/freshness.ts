// The headers of a value about its freshness, and about how it was obtained.

import type { Group } from '../../group/group.ts'
import type { GroupPolicy } from '../../group/policy.ts'
import type { Fetched } from './fetched.ts'
import type { Headers } from './responder.ts'

/** The directives that let other caches serve stale values as the group does, by policy. */
const extensions = new WeakMap<GroupPolicy, string>()

/**
 * `Cache-Control` and `Age`. `max-age` counts from the load, as `Age` does (RFC 9111): their difference is what is left. A
 * value without a lifetime may change at any time: it is to be validated each time it is used.
 *
 * @param isPrivate the request had credentials: some shared caches store such responses unless told not to
 */
export function addFreshness(
  headers: Headers,
  group: Group,
  { ageMs, ttlMs }: Fetched,
  isPrivate: boolean,
): void {
  const scope = isPrivate ? 'private, ' : ''
  if (ttlMs === undefined) headers.push('Cache-Control', `${scope}no-cache`)
  else {
    const seconds = Math.floor(Math.max(0, (ageMs ?? 0) + ttlMs) / 1000)
    headers.push('Cache-Control', `${scope}max-age=${seconds}${extensionOf(group.policy)}`)
  }
  if (ageMs !== undefined) headers.push('Age', Math.floor(ageMs / 1000))
}

/** `X-Cache` and `Server-Timing`. `totalMs`: since the request arrived. */
export function addCourse(
  headers: Headers,
  { source, loadMs, waitMs }: Fetched,
  isForwarded: boolean,
  totalMs: number,
): void {
  headers.push('X-Cache', source)
  const parts: string[] = []
  if (isForwarded) parts.push(`hop;dur=${Math.max(0, totalMs - waitMs).toFixed(1)}`)
  if (waitMs > 0) parts.push(`wait;dur=${waitMs}`)
  if (source === 'miss' && loadMs !== undefined) parts.push(`load;dur=${loadMs}`)
  if (parts.length > 0) headers.push('Server-Timing', parts.join(', '))
}

function extensionOf(policy: GroupPolicy): string {
  let text = extensions.get(policy)
  if (text === undefined) {
    const { staleWhileRevalidateMs = 0, staleIfErrorMs = 0 } = policy.freshness ?? {}
    text =
      directive('stale-while-revalidate', staleWhileRevalidateMs) +
      directive('stale-if-error', staleIfErrorMs)
    extensions.set(policy, text)
  }
  return text
}

function directive(name: string, ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return seconds === 0 ? '' : `, ${name}=${seconds}`
}
