// Geohashes as Redis keeps them in the scores of a sorted set: 26 bits of longitude and 26 bits of latitude, interleaved.
//
//   bit of the score   51      50      49      48    …   1      0
//                    lon 25  lat 25  lon 24  lat 24  …  lon 0  lat 0
//
// A position at the upper end of a range has the index 2^26, one bit more: its score is above 2^52, as in Redis.

/** The limits of Web Mercator (EPSG:3857), which is why there are no poles. */
export const MAX_LONGITUDE = 180
export const MAX_LATITUDE = 85.05112878

/** Bits per coordinate of a score. */
export const SCORE_STEP = 26

const STEP_CELLS = 2 ** SCORE_STEP
/** Half of the bits: what is interleaved at a time, so that 32-bit operations suffice. */
const HALF_BITS = SCORE_STEP / 2
const HALF_MASK = 2 ** HALF_BITS - 1

/** Scores from here on have bits outside the layout above. */
const SCORE_LIMIT = 2 ** (2 * SCORE_STEP)

/** GEOHASH's alphabet: without a, i, l and o. */
const ALPHABET = '0123456789bcdefghjkmnpqrstuvwxyz'

/** Whether GEOADD takes the position. False for NaN. */
export function isPosition(longitude: number, latitude: number): boolean {
  return Math.abs(longitude) <= MAX_LONGITUDE && Math.abs(latitude) <= MAX_LATITUDE
}

/** The score of a position. */
export function geohashScore(longitude: number, latitude: number): number {
  return interleave(longitudeIndex(longitude, SCORE_STEP), latitudeIndex(latitude, SCORE_STEP))
}

/** Which of the 2^step columns a longitude is in. */
export function longitudeIndex(longitude: number, step: number): number {
  return Math.trunc(((longitude + MAX_LONGITUDE) / (2 * MAX_LONGITUDE)) * 2 ** step)
}

/** Which of the 2^step rows a latitude is in, from south to north. */
export function latitudeIndex(latitude: number, step: number): number {
  return Math.trunc(((latitude + MAX_LATITUDE) / (2 * MAX_LATITUDE)) * 2 ** step)
}

/** The western edge of a column; of the next column, its eastern edge. */
export function longitudeOf(index: number, step: number): number {
  return (index / 2 ** step) * (2 * MAX_LONGITUDE) - MAX_LONGITUDE
}

/** The southern edge of a row; of the next row, its northern edge. */
export function latitudeOf(index: number, step: number): number {
  return (index / 2 ** step) * (2 * MAX_LATITUDE) - MAX_LATITUDE
}

/**
 * The bits of both indices, interleaved.
 *
 * @param add is added before the sum is rounded to a double, which only matters at a longitude of 180
 */
export function interleave(longitude: number, latitude: number, add = 0): number {
  return 2 * spread(longitude) + (spread(latitude) + add)
}

/** Bit n of the index becomes bit 2n. */
function spread(index: number): number {
  return spreadHalf(index >>> HALF_BITS) * STEP_CELLS + spreadHalf(index & HALF_MASK)
}

/** The same for up to 16 bits. */
function spreadHalf(bits: number): number {
  let x = bits
  x = (x | (x << 8)) & 0x00ff00ff
  x = (x | (x << 4)) & 0x0f0f0f0f
  x = (x | (x << 2)) & 0x33333333
  return ((x | (x << 1)) & 0x55555555) >>> 0
}

/** The inverse of `spreadHalf`; the odd bits are ignored. */
function gatherHalf(bits: number): number {
  let x = bits & 0x55555555
  x = (x | (x >>> 1)) & 0x33333333
  x = (x | (x >>> 2)) & 0x0f0f0f0f
  x = (x | (x >>> 4)) & 0x00ff00ff
  return (x | (x >>> 8)) & 0x0000ffff
}

/** A longitude and a latitude. */
export class Position {
  longitude = 0
  latitude = 0

  /** Becomes the middle of the cell of a score. Any score has one, as in Redis, also those that are not geohashes. */
  decode(score: number): void {
    if (score >= 0 && score < SCORE_LIMIT) {
      const high = Math.floor(score / STEP_CELLS)
      const low = Math.trunc(score - high * STEP_CELLS)
      this.#setCell(
        (gatherHalf(high >>> 1) << HALF_BITS) | gatherHalf(low >>> 1),
        (gatherHalf(high) << HALF_BITS) | gatherHalf(low),
      )
    } else {
      const bits = wholePart(score)
      this.#setCell(gatherLong(bits >> 1n), gatherLong(bits))
    }
  }

  #setCell(column: number, row: number): void {
    const west = longitudeOf(column, SCORE_STEP)
    const east = longitudeOf((column + 1) >>> 0, SCORE_STEP)
    const south = latitudeOf(row, SCORE_STEP)
    const north = latitudeOf((row + 1) >>> 0, SCORE_STEP)
    this.longitude = Math.max(-MAX_LONGITUDE, Math.min(MAX_LONGITUDE, (west + east) / 2))
    this.latitude = Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, (south + north) / 2))
  }
}

/**
 * A score as C on x86-64 converts it to `uint64_t`: what is out of range becomes the smallest integer, to which 2^63 is
 * added again if it was subtracted because the score is positive.
 */
function wholePart(score: number): bigint {
  if (score >= 2 ** 64) return 0n
  return score < -(2 ** 63) ? 1n << 63n : BigInt.asUintN(64, BigInt(Math.trunc(score)))
}

/** The even bits of 64. */
function gatherLong(bits: bigint): number {
  const low = Number(bits & 0xffff_ffffn)
  const high = Number((bits >> 32n) & 0xffff_ffffn)
  return ((gatherHalf(high) << 16) | gatherHalf(low)) >>> 0
}

/** The standard geohash of a position, whose latitudes range from -90 to 90: 50 bits, and a `0` as in Redis. */
export function geohashText({ longitude, latitude }: Position): string {
  const row = Math.trunc(((latitude + 90) / 180) * STEP_CELLS)
  const bits = interleave(longitudeIndex(longitude, SCORE_STEP) % STEP_CELLS, row)
  let text = ''
  for (let shift = 47; shift > 0; shift -= 5) text += ALPHABET[Math.floor(bits / 2 ** shift) % 32]
  return `${text}0`
}
