// Compression of large texts for clients that accept it.

import { promisify } from 'node:util'
import { type BrotliOptions, brotliCompress, constants, gzip } from 'node:zlib'

/** Smaller bodies are sent as they are: a packet holds them anyway. */
const MIN_BYTES = 1400

const TEXT = /^(text\/|application\/(json|xml|javascript|[\w.-]+\+(json|xml)))/i

/** Fast rather than small: a value is compressed for each response. The best quality takes a hundred times as long. */
const BROTLI_QUALITY = 4
const GZIP_LEVEL = 5

const gzipped = promisify(gzip)
const brotlied = promisify(brotliCompress)

export type Coding = 'br' | 'gzip'

/** The coding in which a body is sent; `undefined`: as it is. */
export function codingFor(accepted: string | undefined, type: string, length: number): Coding | undefined {
  if (accepted === undefined || length < MIN_BYTES || !TEXT.test(type)) return undefined
  let best: Coding | undefined
  let bestQuality = 0
  for (const [name, quality] of qualitiesOf(accepted)) {
    const coding = name === 'br' || name === 'gzip' ? name : name === 'x-gzip' ? 'gzip' : undefined
    if (coding === undefined || quality === 0) continue
    if (quality > bestQuality || (quality === bestQuality && coding === 'br')) {
      best = coding
      bestQuality = quality
    }
  }
  return best
}

export function compressed(body: Buffer, coding: Coding): Promise<Buffer> {
  return coding === 'gzip' ? gzipped(body, { level: GZIP_LEVEL }) : brotlied(body, brotliOptions(body))
}

/** How a text is compressed. */
export function brotliOptions({ length }: Buffer): BrotliOptions {
  return {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_SIZE_HINT]: length,
    },
  }
}

/** `gzip;q=0.5, br` as names and qualities. */
function qualitiesOf(accepted: string): (readonly [string, number])[] {
  return accepted.split(',').map((part) => {
    const [name, ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    const quality = parameters.find((text) => text.startsWith('q='))
    const number = quality === undefined ? 1 : Number(quality.slice(2))
    return [name, Number.isNaN(number) ? 0 : number]
  })
}
