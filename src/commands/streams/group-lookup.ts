// Consumer groups named in arguments.

import { type ConsumerGroup, findGroup } from '../../store/types/stream/groups.ts'
import type { Stream } from '../../store/types/stream/stream.ts'
import type { Context } from '../spec/context.ts'

export interface FoundGroup {
  readonly stream: Stream
  readonly group: ConsumerGroup
}

/** An argument in an error reply, which shows C strings: up to the first zero byte. */
export function shown(c: Context, i: number): string {
  return c.args.latin1(i).split('\0', 1)[0] ?? ''
}

/**
 * The group in argument `groupAt` of a stream, null if the key does not exist.
 * Undefined after an error reply: there is no such key or group.
 */
export function requireGroup(
  c: Context,
  stream: Stream | null,
  keyAt: number,
  groupAt: number,
): FoundGroup | undefined {
  const group = stream === null ? undefined : findGroup(stream, c.args.copy(groupAt))
  if (stream !== null && group !== undefined) return { stream, group }
  c.reply.error(`NOGROUP No such key '${shown(c, keyAt)}' or consumer group '${shown(c, groupAt)}'`, 'latin1')
  return undefined
}

/** Milliseconds since a consumer called, or an entry was delivered. A dump may have a time that no clock shows. */
export function idleMs(now: number, time: number): number {
  return Math.min(Math.max(0, now - time), Number.MAX_SAFE_INTEGER)
}
