// Conditions of writes: `If-Match` and `If-None-Match` (RFC 9110, section 13).

import type { IncomingHttpHeaders } from 'node:http'
import type { Problem } from '../responses/problem.ts'
import { RefusedError } from './body.ts'

export const PRECONDITION_FAILED: Problem = {
  status: 412,
  type: 'precondition-failed',
  detail: 'the value that is there is not the one that the condition of the request names',
}

/** What a write needs: that there is a value, that there is none, or neither. */
type Precondition = 'exists' | 'absent' | undefined

/**
 * The condition of a write. That a value has a certain validator cannot be checked in one step with the write, and a
 * condition that is not obeyed must not be ignored.
 *
 * @param supported those that the write can check
 * @throws RefusedError for any other condition
 */
export function preconditionOf(
  headers: IncomingHttpHeaders,
  supported: readonly Precondition[],
): Precondition {
  const match = headers['if-match']
  const noneMatch = headers['if-none-match']
  if (match === undefined && noneMatch === undefined) return undefined
  const condition: Precondition = match === undefined ? 'absent' : 'exists'
  const isAny = (match ?? noneMatch)?.trim() === '*'
  const isOne = match === undefined || noneMatch === undefined
  if (isAny && isOne && supported.includes(condition)) return condition
  const known = supported.map((each) => (each === 'exists' ? 'If-Match: *' : 'If-None-Match: *'))
  const name = match === undefined ? 'If-None-Match' : 'If-Match'
  throw new RefusedError({
    status: 501,
    type: 'unsupported-condition',
    detail: `the condition ${name} of this write is not supported, only ${known.join(' or ')}`,
  })
}
