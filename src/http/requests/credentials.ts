// The credentials of a request: Basic (RFC 7617) and Bearer (RFC 6750).

import { createHash, timingSafeEqual } from 'node:crypto'
import type { Credentials, Gate, User } from '../ports.ts'
import { BadRequestError } from './target.ts'

/** What a 401 says about how to authenticate. */
export const CHALLENGE = 'Basic realm="erinys", charset="UTF-8", Bearer realm="erinys"'

/** Longer headers are refused before they are decoded. */
const MAX_LENGTH = 8192

/**
 * @returns `undefined`: there are none
 * @throws BadRequestError for a header that is neither of the two schemes
 */
export function readCredentials(header: string | undefined): Credentials | undefined {
  if (header === undefined) return undefined
  const [, scheme, text] = /^([A-Za-z]+) +([A-Za-z0-9\-._~+/]+=*) *$/.exec(header.slice(0, MAX_LENGTH)) ?? []
  switch (scheme?.toLowerCase()) {
    case 'basic': {
      const decoded = Buffer.from(text, 'base64').toString('utf8')
      const colon = decoded.indexOf(':')
      if (colon < 0) break
      return { name: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
    }
    case 'bearer':
      return { name: undefined, password: text }
  }
  throw new BadRequestError('the header Authorization must be Basic with a name and a password, or Bearer')
}

const DEFAULT_USER: User = { name: 'default' }

/** The gate of a node with one password, `requirepass`; without it everybody may do everything. */
export class PasswordGate implements Gate {
  readonly #password: () => string

  constructor(password: () => string) {
    this.#password = password
  }

  get anonymous(): User | undefined {
    return this.#password() === '' ? DEFAULT_USER : undefined
  }

  authenticate({ name, password }: Credentials): User | undefined {
    const wanted = this.#password()
    if (wanted === '') return DEFAULT_USER
    const isKnown = name === undefined || name === '' || name === DEFAULT_USER.name
    return sameSecret(password, wanted) && isKnown ? DEFAULT_USER : undefined
  }

  allows(): boolean {
    return true
  }
}

/** In a time that does not depend on where they differ. */
function sameSecret(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}
