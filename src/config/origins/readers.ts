// Readers of values that only origins have: URLs, key patterns, headers, TLS.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { KeyPattern } from '../../origin/key-pattern.ts'
import { SHAPES, type Shape } from '../../origin/shape.ts'
import type { TlsOptions } from '../../origin/tls-options.ts'
import { UNREADABLE_URL } from '../../origin/url-hint.ts'
import {
  fields,
  givenKind,
  isObject,
  list,
  type Reader,
  reader,
  secret,
  show,
  text,
  webOrigin,
  within,
  yesNo,
} from '../readers.ts'

/** TLS of an origin: certificates as PEM, or as paths of PEM files. */
export interface TlsConfig {
  /** The certificate authorities to trust. Default: those of Node.js. */
  readonly ca?: string
  /** The client certificate that this node presents. */
  readonly cert?: string
  /** The private key of `cert`. */
  readonly key?: string
  /** Verify the server's certificate. Default: true. */
  readonly verify?: boolean | 'yes' | 'no'
}

export const CONNECT_TIMEOUT = 5000
export const MAX_CONNECTIONS = 10_000

/** The type of the values: `as`. */
export const shape: Reader<Shape, string> = reader(
  `one of ${SHAPES.map((each) => `'${each}'`).join(', ')}`,
  (value) => SHAPES.find((each) => each === value),
)

/**
 * A URL with one of these protocols. It may contain a password, so error messages do not show it.
 * @param problemOf returns what is wrong with the URL; by default, whether `URL` can parse it
 */
export function url(
  protocols: readonly string[],
  example: string,
  problemOf: (url: string) => string | undefined = unreadable,
): z.ZodType<string> {
  return z.unknown().transform((value, context): string => {
    const [protocol] = typeof value === 'string' ? (/^[a-z][a-z\d+.-]*:/i.exec(value) ?? []) : []
    const isKnown = typeof value === 'string' && protocols.includes(protocol?.toLowerCase() ?? '')
    const message = isKnown
      ? problemOf(value)
      : `got ${protocol === undefined ? givenKind(value) : `a URL of ${show(protocol)}`}, wants a URL such as ${example}`
    if (message === undefined) return value as string
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
}

function unreadable(text: string): string | undefined {
  return URL.canParse(text) ? undefined : UNREADABLE_URL
}

/** Servers as the origins of URLs (`URL.origin`). */
export const servers: Reader<readonly string[], string | readonly string[]> = list(
  "servers such as 'https://cdn.example'",
  webOrigin,
)

/** A key pattern such as `user:{id}`. */
export function pattern(): z.ZodType<KeyPattern> {
  return text("a pattern of keys such as 'user:{id}'").transform((value, context): KeyPattern => {
    try {
      return new KeyPattern(value)
    } catch (error) {
      context.addIssue({ code: 'custom', message: `got ${show(value)}: ${(error as Error).message}` })
      return z.NEVER
    }
  })
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~\w-]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** HTTP headers: returns the names in lower case. Values may be secrets, so error messages do not show them. */
export const headers: z.ZodType<Readonly<Record<string, string>>> = z
  .unknown()
  .transform((value, context) => {
    if (!isObject(value)) {
      const message = `got ${givenKind(value)}, wants an object from the names of headers to text`
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    }
    const found: Record<string, string> = {}
    for (const [name, content] of Object.entries(value)) {
      const refuse = (message: string): void => context.addIssue({ code: 'custom', message, path: [name] })
      if (!HEADER_NAME.test(name)) refuse('is not the name of a header')
      else if (typeof content !== 'string') refuse(`got ${givenKind(content)}, wants text`)
      else if (!HEADER_VALUE.test(content)) refuse('got text with a character that no header may have')
      else found[name.toLowerCase()] = content
    }
    return found
  })

/** Paths are shorter than certificates and keys. */
const LONGEST_PATH = 400
const PEM_WANTED = 'wants PEM or the path of a PEM file'

/** TLS options; relative paths start at `directory`. */
export function tls(directory: string): z.ZodType<TlsOptions> {
  const pem = secret.transform((value, context): string => {
    if (value.includes('-----BEGIN ')) return value
    // It may be a key: it is not repeated.
    if (value.length > LONGEST_PATH || value.includes('\n')) {
      context.addIssue({ code: 'custom', message: `got text without -----BEGIN, ${PEM_WANTED}` })
      return z.NEVER
    }
    const path = resolve(directory, value)
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message
      context.addIssue({
        code: 'custom',
        message: `got the path ${show(path)}, which cannot be read (${reason}), ${PEM_WANTED}`,
      })
      return z.NEVER
    }
  })
  return fields({
    ca: pem.optional(),
    cert: pem.optional(),
    key: pem.optional(),
    verify: yesNo.optional(),
  }).transform(({ ca, cert, key, verify }) => ({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: verify ?? true,
  }))
}

/** TLS options, or true or false. */
export function tlsOrSwitch(directory: string): z.ZodType<TlsOptions | boolean> {
  const options = tls(directory)
  return z
    .unknown()
    .transform((value, context): TlsOptions | boolean =>
      isObject(value) ? within(context, options.safeParse(value)) : within(context, yesNo.safeParse(value)),
    )
}
