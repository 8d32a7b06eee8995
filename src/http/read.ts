// The request and response of a read of a value, for both ways in which it is served: plain reads and routes.

import type { IncomingHttpHeaders } from 'node:http'
import type { Group } from '../group/group.ts'
import type { Caller, Services } from './ports.ts'
import type { Target } from './requests/target.ts'
import type { Responder } from './responses/responder.ts'

export interface Read extends Responder {
  readonly method: string | undefined
  readonly target: Pick<Target, 'query'>
  readonly headers: IncomingHttpHeaders
  readonly services: Services
  readonly caller: Caller
  /** @throws RefusedError if there is no such group */
  readonly group: Group
  /** @throws BadRequestError */
  readonly key: Buffer
  /** The client has closed its connection. */
  readonly isGone: boolean
  /** Answers with the problem for an exception. */
  fail(error: unknown): void
}
