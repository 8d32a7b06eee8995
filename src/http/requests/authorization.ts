// The user of a request, and whether that user may use its route.

import type { User } from '../../access/user.ts'
import { isPagePath } from '../dashboard/problem-page.ts'
import type { Exchange } from '../exchange.ts'
import type { Gate } from '../ports.ts'
import { quote } from '../responses/problem.ts'
import type { Route } from '../route.ts'
import { RefusedError } from './body.ts'
import { readCredentials } from './credentials.ts'

/** The client of a request. */
export interface Sender {
  readonly address: string
  readonly certificateName: string
}

/**
 * @param authorization the header of this name
 * @throws RefusedError, BadRequestError
 */
export function userOf(
  gate: Gate,
  authorization: string | undefined,
  sender: Sender,
  { access }: Route,
): User {
  if (access === 'public') return gate.anonymous ?? gate.nobody
  const user = userWith(gate, authorization, sender.address) ?? userWithout(gate, sender)
  if (user === undefined) throw unauthorized('give a password (Basic or Bearer)')
  return user
}

/** The user of a request without credentials; `undefined`: they are required. */
export function userWithout(
  gate: Gate,
  { certificateName }: Pick<Sender, 'certificateName'>,
): User | undefined {
  return (certificateName === '' ? undefined : gate.certified(certificateName)) ?? gate.anonymous
}

/**
 * The user that the credentials of a request name; `undefined`: it has none.
 * @throws RefusedError, BadRequestError
 */
export function userWith(gate: Gate, authorization: string | undefined, address: string): User | undefined {
  const credentials = readCredentials(authorization)
  if (credentials === undefined) return undefined
  const user = gate.authenticate(credentials, address)
  if (user === undefined) throw unauthorized('the name or the password is wrong')
  return user
}

/** @throws RefusedError */
export function requireAccess(exchange: Exchange, { access }: Route, user: User): void {
  if (access === 'public') return
  const group = access.of === undefined ? undefined : exchange.group
  const key = access.of === 'key' ? exchange.key : undefined
  if (exchange.allows({ command: access.command, group, key, first: access.first ?? key })) return
  const detail = `the user ${quote(shownName(user))} may not run ${access.command.replace('|', ' ').toUpperCase()} here`
  // A browser that is not asked for credentials sends none.
  if (isPagePath(exchange.target.path) && exchange.header('authorization') === undefined)
    throw unauthorized(`${detail}: log in`)
  throw new RefusedError({ status: 403, type: 'forbidden', detail, user: shownName(user) })
}

/** As the user wrote it: names have one character per byte. */
export function shownName({ name }: User): string {
  return Buffer.from(name, 'latin1').toString()
}

export function unauthorized(detail: string): RefusedError {
  return new RefusedError({ status: 401, type: 'unauthorized', detail })
}
