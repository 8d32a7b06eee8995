// Searches around a point: which ranges of scores can hold matches, and whether a position matches.
//
// The circle or box is covered by nine cells of a grid: the one with the point, and those around it. The ranges are those
// that Redis searches, in its order: a search that ends early (COUNT … ANY) finds the same members.

import { degrees, distance, EARTH_RADIUS_M, latitudeDistance, radians } from './distance.ts'
import {
  interleave,
  latitudeIndex,
  latitudeOf,
  longitudeIndex,
  longitudeOf,
  type Position,
  SCORE_STEP,
} from './geohash.ts'

/** Half of the equator in Web Mercator, in meters. */
const MERCATOR_MAX = 20_037_726.37

/** A distance that is larger by this factor is so whatever was rounded. */
const SURELY = 1 + 1e-9

/** A circle or a box around a point. The lengths are in units of `unitMeters`. */
export interface SearchArea {
  readonly longitude: number
  readonly latitude: number
  readonly unitMeters: number
  /** Of a circle. */
  readonly radius?: number
  /** Of a box, from west to east. */
  readonly width?: number
  /** Of a box, from south to north. */
  readonly height?: number
}

/** Scores s with min ≤ s < max. */
export interface ScoreRange {
  readonly min: number
  readonly max: number
}

/** The distance in meters of a position from the point; -1: it is outside the area. */
export function distanceWithin(area: SearchArea, { longitude, latitude }: Position): number {
  const { unitMeters, radius } = area
  if (radius === undefined) {
    const { width = 0, height = 0 } = area
    if (latitudeDistance(latitude, area.latitude) > (height * unitMeters) / 2) return -1
    if (distance(longitude, latitude, area.longitude, latitude) > (width * unitMeters) / 2) return -1
    return distance(area.longitude, area.latitude, longitude, latitude)
  }
  const most = radius * unitMeters
  // Most of what a search looks at is too far north or south, which needs no trigonometry to see.
  if (latitudeDistance(latitude, area.latitude) > most * SURELY) return -1
  const meters = distance(area.longitude, area.latitude, longitude, latitude)
  return meters > most ? -1 : meters
}

interface Bounds {
  readonly west: number
  readonly east: number
  readonly south: number
  readonly north: number
}

function boundsOf({ longitude, latitude, unitMeters, radius, width = 0, height = 0 }: SearchArea): Bounds {
  const x = unitMeters * (radius ?? width / 2)
  const y = unitMeters * (radius ?? height / 2)
  const deltaLatitude = degrees(y / EARTH_RADIUS_M)
  // The edge nearer to a pole spans more degrees.
  const edge = latitude < 0 ? latitude - deltaLatitude : latitude + deltaLatitude
  const deltaLongitude = degrees(x / EARTH_RADIUS_M / Math.cos(radians(edge)))
  return {
    west: longitude - deltaLongitude,
    east: longitude + deltaLongitude,
    south: latitude - deltaLatitude,
    north: latitude + deltaLatitude,
  }
}

/** The step at which nine cells around a point cover a circle; fewer where meridians converge. */
function estimatedStep(radius: number, latitude: number): number {
  if (radius === 0) return SCORE_STEP
  let step = -1
  for (let range = radius; range < MERCATOR_MAX; range *= 2) step++
  if (Math.abs(latitude) > 66) step--
  if (Math.abs(latitude) > 80) step--
  return Math.max(1, Math.min(SCORE_STEP, step))
}

/** The nine cells in the order of Redis, as steps to the east and to the north. */
const CELLS: readonly (readonly [east: number, north: number])[] = [
  [0, 0],
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
]

/** The ranges of scores that hold all matches, without a range that follows itself. */
export function scoreRanges(area: SearchArea): ScoreRange[] {
  const { longitude, latitude, unitMeters, radius, width = 0, height = 0 } = area
  const bounds = boundsOf(area)
  const reach = unitMeters * (radius ?? Math.sqrt((width / 2) ** 2 + (height / 2) ** 2))
  let step = estimatedStep(reach, latitude)
  if (step > 1 && !neighborsCover(bounds, longitude, latitude, step)) step--

  const column = longitudeIndex(longitude, step)
  const row = latitudeIndex(latitude, step)
  // From step 2 on, a neighbor is left out if the area does not reach beyond the central cell on its side.
  const all = step < 2
  const toWest = all || !(longitudeOf(column, step) < bounds.west)
  const toEast = all || !(longitudeOf(column + 1, step) > bounds.east)
  const toSouth = all || !(latitudeOf(row, step) < bounds.south)
  const toNorth = all || !(latitudeOf(row + 1, step) > bounds.north)

  const ranges: ScoreRange[] = []
  // A search of half the world or more finds the same cell on both sides.
  let lastNeighbor: ScoreRange | undefined
  for (const [east, north] of CELLS) {
    if ((east < 0 && !toWest) || (east > 0 && !toEast)) continue
    if ((north < 0 && !toSouth) || (north > 0 && !toNorth)) continue
    const range = rangeOf(moved(column, east, step), moved(row, north, step), step)
    if (range.min === lastNeighbor?.min && range.max === lastNeighbor.max) continue
    ranges.push(range)
    if (east !== 0 || north !== 0) lastNeighbor = range
  }
  return ranges
}

/** Whether the cells around that of the point reach to the bounds on every side. */
function neighborsCover(bounds: Bounds, longitude: number, latitude: number, step: number): boolean {
  const column = longitudeIndex(longitude, step)
  const row = latitudeIndex(latitude, step)
  // Not one of these comparisons holds for NaN, the bounds of an infinite radius.
  return !(
    latitudeOf(moved(row, 1, step) + 1, step) < bounds.north ||
    latitudeOf(moved(row, -1, step), step) > bounds.south ||
    longitudeOf(moved(column, 1, step) + 1, step) < bounds.east ||
    longitudeOf(moved(column, -1, step), step) > bounds.west
  )
}

/** The index of the column or row at `by` steps; after the last one comes the first. */
function moved(index: number, by: number, step: number): number {
  return by === 0 ? index : (index + by + 2 ** step) % 2 ** step
}

function rangeOf(column: number, row: number, step: number): ScoreRange {
  const scale = 2 ** (2 * (SCORE_STEP - step))
  return { min: interleave(column, row) * scale, max: interleave(column, row, 1) * scale }
}
