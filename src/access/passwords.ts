// The passwords of a user. Only their SHA-256 hashes are kept, as Redis does.

import { hash, timingSafeEqual } from 'node:crypto'

const HASH = /^[0-9a-f]{64}$/

/** Whether a text is the hash of a password: 64 hexadecimal digits in lower case. */
export function isPasswordHash(text: string): boolean {
  return HASH.test(text)
}

export function passwordDigest(password: Uint8Array): Buffer {
  return hash('sha256', password, 'buffer')
}

export class Passwords {
  /** By their hexadecimal text, in the order in which they were added. */
  readonly #digests: Map<string, Buffer>

  constructor(from?: Passwords) {
    this.#digests = new Map(from === undefined ? [] : from.#digests)
  }

  get hashes(): readonly string[] {
    return [...this.#digests.keys()]
  }

  add(hash: string): void {
    this.#digests.set(hash, Buffer.from(hash, 'hex'))
  }

  /** Whether there was such a password. */
  remove(hash: string): boolean {
    return this.#digests.delete(hash)
  }

  clear(): void {
    this.#digests.clear()
  }

  /** Compares with every password, so that the time reveals nothing about any of them. */
  match(digest: Buffer): boolean {
    let isFound = false
    for (const each of this.#digests.values()) if (timingSafeEqual(each, digest)) isFound = true
    return isFound
  }
}
