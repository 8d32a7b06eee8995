// Which origins are the same, when a configuration is read again: the same source, and the same connection to it.

import type { Origin } from '../../group/origin.ts'

interface OriginIdentity {
  /** What its values depend on: where they are, and how they are read. Without credentials. */
  readonly source: string
  /** All of its fields, credentials included; `undefined`: code, which may depend on more than its text. */
  readonly whole: string | undefined
}

const identities = new WeakMap<Origin, OriginIdentity>()

/**
 * Remembers from which fields an origin was made.
 *
 * @param source those that decide about its values
 * @param rest the others: credentials, limits, timeouts, certificates
 */
export function identified<Made extends Origin>(origin: Made, source: object, rest: object): Made {
  const text = JSON.stringify([origin.kind, source])
  identities.set(origin, { source: text, whole: JSON.stringify([text, rest]) })
  return origin
}

/** The same for an origin that is code: another text of it may have other values. */
export function identifiedByCode<Made extends Origin>(origin: Made, code: unknown): Made {
  identities.set(origin, { source: textOf(code), whole: undefined })
  return origin
}

/** How two origins compare: the same in everything; the same source, with another connection; or another source. */
export function compareOrigins(
  first: Origin | undefined,
  second: Origin | undefined,
): 'same' | 'reconnected' | 'other' {
  if (first === second) return 'same'
  const [a, b] = [first, second].map((origin) => origin && identities.get(origin))
  if (a === undefined || b === undefined || a.source !== b.source) return 'other'
  return a.whole !== undefined && a.whole === b.whole ? 'same' : 'reconnected'
}

/** Whether an origin is code of the configuration: each reload takes it over. */
export function isCode(origin: Origin): boolean {
  return identities.get(origin)?.whole === undefined
}

/** A URL without its user and password. */
export function withoutLogin(url: string): string {
  return url.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i, '$1')
}

/** Headers that identify this node to the server, rather than choose the response. */
const CREDENTIALS = /^(proxy-)?authorization$|cookie|key|token|secret/i

/** Headers in two parts: those that may change what a server answers, and credentials. */
export function splitHeaders(
  headers: Readonly<Record<string, string>>,
): readonly [answers: object, credentials: object] {
  const entries = Object.entries(headers)
  return [
    Object.fromEntries(entries.filter(([name]) => !CREDENTIALS.test(name))),
    Object.fromEntries(entries.filter(([name]) => CREDENTIALS.test(name))),
  ]
}

/** The text of a function, or of the functions of an object. */
function textOf(code: unknown): string {
  if (typeof code !== 'object' || code === null) return String(code)
  const members: string[] = []
  for (let of: object | null = code; of !== null && of !== Object.prototype; of = Object.getPrototypeOf(of))
    for (const name of Object.getOwnPropertyNames(of)) {
      const value: unknown = Object.getOwnPropertyDescriptor(of, name)?.value
      if (typeof value === 'function' || typeof value === 'string') members.push(`${name}: ${String(value)}`)
    }
  return members.join('\n')
}
