// The reply of a node that has run a flush.

import type { Group } from '../../group/group.ts'
import type { Context } from '../spec/context.ts'
import { PASSING_FLUSH } from '../spec/errors.ts'

/** Replies to a flush of these groups, of some tags or of everything, which has run here. */
export function replyToFlush(
  { host, reply }: Context,
  groups: readonly Group[],
  tags?: readonly Buffer[],
): void {
  const { cluster } = host
  for (const group of groups) cluster?.flushed(group, tags)
  if (cluster?.isPassingFlush()) reply.error(PASSING_FLUSH)
  else reply.ok()
}
