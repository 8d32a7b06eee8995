// Limits on what a client may announce and send. The defaults are Redis's.

/**
 * Limits shared by the decoders of a node. They are read for every frame: a change by CONFIG SET applies to all
 * connections at once.
 */
export interface DecoderLimits {
  /** Maximum number of arguments of a request (Redis: `INT_MAX`). */
  maxMultibulk: number
  /** Maximum bytes of one argument (Redis: `proto-max-bulk-len`). */
  maxBulk: number
  /** Maximum bytes of an inline request, or of a length line (Redis: `PROTO_INLINE_MAX_SIZE`). */
  maxInline: number
  /** Maximum bytes buffered for one connection (Redis: `client-query-buffer-limit`). */
  maxQueryBuffer: number
}

/** Maximum number of arguments, and maximum bytes of one, for an unauthenticated client (Redis). */
const UNAUTHENTICATED_MULTIBULK = 10
const UNAUTHENTICATED_BULK = 16_384

/** Maximum bytes of a divided frame, whatever the limits are: argument ranges are int32. */
export const MAX_FRAME = 0x7fff_ffff

/** Redis's defaults, in a new object. */
export function defaultLimits(): DecoderLimits {
  return {
    maxMultibulk: 0x7fff_ffff,
    maxBulk: 512 * 1024 * 1024,
    maxInline: 64 * 1024,
    maxQueryBuffer: 1024 * 1024 * 1024,
  }
}

/** The error for an announced number of arguments (NaN: not a number); '' if it is allowed. */
export function refuseCount(count: number, limits: DecoderLimits, authenticated: boolean): string {
  if (!(count <= limits.maxMultibulk)) return 'invalid multibulk length'
  return count > UNAUTHENTICATED_MULTIBULK && !authenticated ? 'unauthenticated multibulk length' : ''
}

/** The error for an announced length of an argument (NaN: not a number); '' if it is allowed. */
export function refuseLength(length: number, limits: DecoderLimits, authenticated: boolean): string {
  if (!(length >= 0 && length <= limits.maxBulk)) return 'invalid bulk length'
  return length > UNAUTHENTICATED_BULK && !authenticated ? 'unauthenticated bulk length' : ''
}

/** No limits but those of a buffer, in a new object: for requests that another node has already checked. */
export function unlimited(): DecoderLimits {
  return { ...defaultLimits(), maxBulk: MAX_FRAME, maxQueryBuffer: MAX_FRAME }
}
