// Serves plain reads: those that need a check which may fail are left to the routes, so that each refusal has one place.

import { isTracing } from '../../telemetry/tracing.ts'
import type { HttpConnection } from '../connections.ts'
import type { Services } from '../ports.ts'
import type { OriginCheck } from '../requests/origin-check.ts'
import { decodeBytes } from '../requests/target.ts'
import { getValue, READ_ACCESS } from '../routes/values.ts'
import type { Place } from './connection.ts'
import { PlainRead } from './read.ts'
import type { PlainRequest } from './request.ts'

export class PlainReads {
  readonly #services: Services
  readonly #check: OriginCheck

  constructor(services: Services, check: OriginCheck) {
    this.#services = services
    this.#check = check
  }

  /** Whether the request is served: the response fills the place. */
  serve(connection: HttpConnection, request: PlainRequest, place: Place): boolean {
    const services = this.#services
    const { gate, host } = services
    const user = gate.anonymous
    if (user === undefined || isTracing()) return false
    if (this.#check.problemOf(request.headers, undefined, request.method) !== undefined) return false
    const group = host.groups.find(({ name }) => name === request.group)
    if (group === undefined) return false
    const key = decodeBytes(request.key)
    if (!gate.wouldAllow(user, { command: READ_ACCESS.command, group, key })) return false
    const read = new PlainRead(services, connection.callerFor(user), group, key, request, place)
    try {
      getValue(read)
    } catch (error) {
      read.fail(error)
    }
    return true
  }
}
