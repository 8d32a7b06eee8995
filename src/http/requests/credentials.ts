// The credentials of a request: Basic (RFC 7617) and Bearer (RFC 6750).

import type { Access } from '../../access/access.ts'
import type { Reason } from '../../access/log.ts'
import { hostOf } from '../../access/login-delays.ts'
import { latin1 } from '../../access/text.ts'
import type { User } from '../../access/user.ts'
import { DEFAULT_USER } from '../../access/users.ts'
import type { Instant } from '../../bytes/instant.ts'
import type { Credentials, Demand, Gate } from '../ports.ts'
import { BadRequestError } from './target.ts'

/** The value of `WWW-Authenticate` in a 401. */
export const CHALLENGE = 'Basic realm="erinys", charset="UTF-8", Bearer realm="erinys"'

/** Longer headers are refused before they are decoded. */
const MAX_LENGTH = 8192

/**
 * @returns `undefined`: there are none
 * @throws BadRequestError for a header that is neither of the two schemes
 */
export function readCredentials(header: string | undefined): Credentials | undefined {
  if (header === undefined) return undefined
  const credentials = parseCredentials(header)
  if (credentials !== undefined) return credentials
  throw new BadRequestError('the header Authorization must be Basic with a name and a password, or Bearer')
}

/** `undefined`: it is neither of the two schemes. */
export function parseCredentials(header: string): Credentials | undefined {
  const [, scheme, text] = /^([A-Za-z]+) +([A-Za-z0-9\-._~+/]+=*) *$/.exec(header.slice(0, MAX_LENGTH)) ?? []
  switch (scheme?.toLowerCase()) {
    case 'basic': {
      const decoded = Buffer.from(text, 'base64').toString('utf8')
      const colon = decoded.indexOf(':')
      if (colon < 0) return undefined
      return { name: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
    }
    case 'bearer':
      return { name: undefined, password: text }
    default:
      return undefined
  }
}

/** As the users are named: with one character per byte. */
function usernameOf(name = ''): string {
  return name === '' ? DEFAULT_USER : latin1(name)
}

/** What the access check needs of the node. */
interface GateNode {
  readonly access: Access
  readonly instant: Instant
  /** Whether the common name of a client's certificate is its user (`tls-auth-clients-user CN`). */
  readonly certificatesLogIn: () => boolean
  /** Logs that a certificate names no user. */
  readonly noUser: (commonName: string, address: string) => void
  /** Logs that a wrong name or password was given. */
  readonly loginFailed: (from: { readonly id: number; readonly address: string }) => void
}

/** The users of the node, as they are for clients of the Redis protocol. */
export class AccessGate implements Gate {
  readonly #node: GateNode

  constructor(node: GateNode) {
    this.#node = node
  }

  get anonymous(): User | undefined {
    const { default: user } = this.#node.access.users
    return user.isOpen ? user : undefined
  }

  certified(commonName: string): User | undefined {
    if (!this.#node.certificatesLogIn()) return undefined
    const user = this.#node.access.users.get(latin1(commonName))
    return user?.isEnabled ? user : undefined
  }

  connected(commonName: string, address: string): void {
    const { certificatesLogIn, noUser } = this.#node
    if (certificatesLogIn() && this.certified(commonName) === undefined) noUser(commonName, address)
  }

  get nobody(): User {
    return this.#node.access.users.default
  }

  waitOf(address: string): number {
    const { access, instant } = this.#node
    return access.delays.waitOf(hostOf(address), instant.monotonicMs)
  }

  userOf({ name, password }: Credentials): User | undefined {
    return this.#node.access.authenticate(usernameOf(name), Buffer.from(password))
  }

  authenticate(credentials: Credentials, address: string): User | undefined {
    const { access, instant, loginFailed } = this.#node
    const user = this.userOf(credentials)
    if (user !== undefined) return user
    const username = usernameOf(credentials.name)
    access.delays.failed(hostOf(address), instant.monotonicMs)
    this.#log('auth', 'HTTP', username, address)
    loginFailed({ id: 0, address })
    return undefined
  }

  allows(user: User, { command, group, key, first }: Demand, address: string): boolean {
    const lacks = this.#node.access.check(user, command, group?.name, key, first)
    if (lacks === undefined) return true
    const groupName = latin1(group?.name ?? '')
    const object = { key: key?.toString('latin1'), group: groupName }[lacks as string]
    this.#log(lacks, object ?? command, user.name, address)
    return false
  }

  wouldAllow(user: User, { command, group, key, first }: Demand): boolean {
    return this.#node.access.check(user, command, group?.name, key, first) === undefined
  }

  #log(reason: Reason, object: string, username: string, address: string): void {
    const { access, instant } = this.#node
    const clientInfo = `addr=${address} user=${Buffer.from(username, 'latin1')} http`
    instant.refresh()
    access.log.add({ reason, context: 'toplevel', object, username, clientInfo }, instant.now)
  }
}
