// Errors between this node and an HTTP server, as text for clients and the log.

import { notApplied } from '../../group/origin.ts'
import { errorText } from '../abortable.ts'
import { isTlsFault } from '../tls-options.ts'
import type { ClientOptions } from './client.ts'
import { tooLarge } from './content-encoding.ts'

/** Errors of these calls name the address. */
const NAMED = new Set(['connect', 'getaddrinfo'])

/**
 * Names the server. Only the text and the code of an error are kept: those of undici have parts of the response, those of
 * TLS the certificate.
 */
export function failureOf(error: unknown, url: string, options: ClientOptions): unknown {
  const { code = '', syscall = '' } = error as NodeJS.ErrnoException
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return tooLarge(options.maxResponse)
  if (error instanceof AggregateError) return new Error(errorText(error), { cause: error })
  if (!(error instanceof Error) || NAMED.has(syscall)) return error
  if (code === '' && !isParserError(error)) return error
  const { origin } = new URL(url)
  const text = isParserError(error) ? 'the response is not HTTP' : textOf(code, error, options)
  const failure = Object.assign(new Error(`${origin}: ${text}`), code === '' ? {} : { code })
  const isUnsent = code === 'UND_ERR_CONNECT_TIMEOUT' || isTlsFault(error)
  return isUnsent ? notApplied(failure) : failure
}

function textOf(code: string, { message }: Error, { timeout, connectTimeout }: ClientOptions): string {
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
      return `connect timeout: no connection within ${connectTimeout} ms`
    case 'UND_ERR_HEADERS_TIMEOUT':
      return `timeout: no response within ${timeout} ms`
    case 'UND_ERR_BODY_TIMEOUT':
      return `timeout: the response stopped for ${timeout} ms`
    case 'UND_ERR_HEADERS_OVERFLOW':
      return 'the headers of the response are too large'
    default:
      return message
  }
}

/**
 * Its message and its code depend on where the parser stopped. The status 000 is a failed assertion of undici; 100 and
 * 101, which nobody has asked for, are a `bad response` and a `bad upgrade`.
 */
function isParserError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const { code = '' } = error as NodeJS.ErrnoException
  return (
    error.name === 'HTTPParserError' ||
    code === 'ERR_ASSERTION' ||
    (code === 'UND_ERR_SOCKET' && /^bad (?:response|upgrade)$/.test(error.message))
  )
}
