// How much a client may announce and send before the node refuses it; the defaults are Redis's.

/**
 * Limits shared by the decoders of a node. The object is read at every frame, so changing a field (CONFIG SET)
 * takes effect at once on every connection.
 */
export interface DecoderLimits {
  /** Most arguments of a request (Redis: `INT_MAX`). */
  maxMultibulk: number
  /** Most bytes of one argument (Redis: `proto-max-bulk-len`). */
  maxBulk: number
  /** Most bytes of an inline request, or of the line that announces a length (Redis: `PROTO_INLINE_MAX_SIZE`). */
  maxInline: number
  /** Most bytes held for one connection that have not become a request (Redis: `client-query-buffer-limit`). */
  maxQueryBuffer: number
}

/** Most arguments of a request, and most bytes of one, before the client has authenticated. */
const UNAUTHENTICATED_MULTIBULK = 10
const UNAUTHENTICATED_BULK = 16_384

/** Argument ranges are int32, so no frame that was put together may be longer, whatever the limits say. */
export const MAX_FRAME = 0x7fff_ffff

/** A new object with Redis's defaults. */
export function defaultLimits(): DecoderLimits {
  return {
    maxMultibulk: 0x7fff_ffff,
    maxBulk: 512 * 1024 * 1024,
    maxInline: 64 * 1024,
    maxQueryBuffer: 1024 * 1024 * 1024,
  }
}

/** What is wrong with an announced number of arguments, NaN if it was no number; '' if nothing is. */
export function refuseCount(count: number, limits: DecoderLimits, authenticated: boolean): string {
  if (!(count <= limits.maxMultibulk)) return 'invalid multibulk length'
  return count > UNAUTHENTICATED_MULTIBULK && !authenticated ? 'unauthenticated multibulk length' : ''
}

/** What is wrong with an announced length of an argument, NaN if it was no number; '' if nothing is. */
export function refuseLength(length: number, limits: DecoderLimits, authenticated: boolean): string {
  if (!(length >= 0 && length <= limits.maxBulk)) return 'invalid bulk length'
  return length > UNAUTHENTICATED_BULK && !authenticated ? 'unauthenticated bulk length' : ''
}

/** A new object that refuses only what no buffer can hold: for what another node has let in. */
export function unlimited(): DecoderLimits {
  return { ...defaultLimits(), maxBulk: MAX_FRAME, maxQueryBuffer: MAX_FRAME }
}
