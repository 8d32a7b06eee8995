// The user of a request, and whether that user may use its route.

import type { User } from '../../access/user.ts'
import type { Exchange } from '../exchange.ts'
import type { Gate } from '../ports.ts'
import { quote } from '../responses/problem.ts'
import type { Route } from '../route.ts'
import { RefusedError } from './body.ts'
import { readCredentials } from './credentials.ts'

/**
 * @param authorization the header of this name
 * @param address of the client
 * @throws RefusedError, BadRequestError
 */
export function userOf(
  gate: Gate,
  authorization: string | undefined,
  address: string,
  { access }: Route,
): User {
  if (access === 'public') return gate.anonymous ?? gate.nobody
  const credentials = readCredentials(authorization)
  if (credentials === undefined) {
    if (gate.anonymous !== undefined) return gate.anonymous
    throw unauthorized('give a password (Basic or Bearer)')
  }
  const user = gate.authenticate(credentials, address)
  if (user === undefined) throw unauthorized('the name or the password is wrong')
  return user
}

/** @throws RefusedError */
export function requireAccess(exchange: Exchange, { access }: Route, user: User): void {
  if (access === 'public') return
  const group = access.of === undefined ? undefined : exchange.group
  const key = access.of === 'key' ? exchange.key : undefined
  if (exchange.allows({ command: access.command, group, key })) return
  const detail = `the user ${quote(user.name)} may not run ${access.command.replace('|', ' ').toUpperCase()} here`
  throw new RefusedError({ status: 403, type: 'forbidden', detail })
}

function unauthorized(detail: string): RefusedError {
  return new RefusedError({ status: 401, type: 'unauthorized', detail })
}
