// Distances on the Earth as Redis computes and prints them: the haversine formula on a sphere.

import { equalsUpper } from '../ascii.ts'
import { formatFixed } from '../numbers/double.ts'

/** The Earth's quadratic mean radius (WGS 84). */
export const EARTH_RADIUS_M = 6_372_797.560856

const DEGREE = Math.PI / 180

export function radians(degrees: number): number {
  return degrees * DEGREE
}

export function degrees(radians: number): number {
  return radians / DEGREE
}

/** Meters between two points. */
export function distance(
  longitude1: number,
  latitude1: number,
  longitude2: number,
  latitude2: number,
): number {
  const v = Math.sin((radians(longitude2) - radians(longitude1)) / 2)
  if (v === 0) return latitudeDistance(latitude1, latitude2)
  const phi1 = radians(latitude1)
  const phi2 = radians(latitude2)
  const u = Math.sin((phi2 - phi1) / 2)
  const a = u * u + Math.cos(phi1) * Math.cos(phi2) * v * v
  // Between antipodes rounding can give more than 1.
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(Math.min(a, 1)))
}

/** Meters between two points of one meridian. */
export function latitudeDistance(latitude1: number, latitude2: number): number {
  return EARTH_RADIUS_M * Math.abs(radians(latitude2) - radians(latitude1))
}

/** How many meters the unit in `bytes[start, end)` is; NaN: it is not m, km, ft or mi. */
export function unitMeters(bytes: Uint8Array, start: number, end: number): number {
  if (equalsUpper(bytes, start, end, 'M')) return 1
  if (equalsUpper(bytes, start, end, 'KM')) return 1000
  if (equalsUpper(bytes, start, end, 'FT')) return 0.3048
  return equalsUpper(bytes, start, end, 'MI') ? 1609.34 : Number.NaN
}

/** A distance with four digits after the point; exact halves go to the even digit. */
export function distanceText(distance: number): string {
  const scaled = distance * 10_000
  let whole = Math.floor(scaled)
  const rest = scaled - whole
  if (rest > 0.5 || (rest === 0.5 && whole % 2 === 1)) whole++
  const digits = String(whole).padStart(5, '0')
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`
}

/** A coordinate with up to 17 digits after the point and no zeros at the end (Redis: `ld2string`, `LD_STR_HUMAN`). */
export function coordinateText(degrees: number): string {
  const text = formatFixed(degrees, 17)
  let end = text.length
  while (text[end - 1] === '0') end--
  if (text[end - 1] === '.') end--
  const trimmed = text.slice(0, end)
  return trimmed === '-0' ? '0' : trimmed
}
