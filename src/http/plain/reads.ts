// Serves plain reads. Requests that may be refused are left to the routes, so that refusals are made in one place.

import type { User } from '../../access/user.ts'
import { isTracing } from '../../telemetry/tracing.ts'
import type { HttpConnection } from '../connections.ts'
import type { Services } from '../ports.ts'
import { userWithout } from '../requests/authorization.ts'
import { parseCredentials } from '../requests/credentials.ts'
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
    const { headers, method } = request
    if (isTracing() || this.#check.problemOf(headers, undefined, method) !== undefined) return false
    const user = this.#userOf(connection, headers.authorization)
    if (user === undefined) return false
    const group = host.groups.find(({ name }) => name === request.group)
    if (group === undefined) return false
    const key = decodeBytes(request.key)
    if (!gate.wouldAllow(user, { command: READ_ACCESS.command, group, key })) return false
    connection.lastCommand = READ_ACCESS.command
    const read = new PlainRead(services, connection.callerFor(user), group, key, request, place)
    try {
      getValue(read)
    } catch (error) {
      read.fail(error)
    }
    return true
  }

  /** The user of a request; `undefined`: the credentials are wrong, missing or have to wait. */
  #userOf(connection: HttpConnection, authorization: string | undefined): User | undefined {
    const { gate } = this.#services
    if (authorization === undefined) return userWithout(gate, connection)
    if (gate.waitOf(connection.address) > 0) return undefined
    const credentials = parseCredentials(authorization)
    return credentials && gate.userOf(credentials)
  }
}
