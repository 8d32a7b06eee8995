import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { coordinateText, distance, distanceText, unitMeters } from '../../../src/bytes/geo/distance.ts'
import {
  geohashScore,
  geohashText,
  isPosition,
  MAX_LATITUDE,
  MAX_LONGITUDE,
  Position,
} from '../../../src/bytes/geo/geohash.ts'
import { distanceWithin, type SearchArea, scoreRanges } from '../../../src/bytes/geo/search.ts'
import { seededRandom } from '../../support/random.ts'
import { describeWithRedis } from '../../support/redis-server.ts'

type Point = readonly [longitude: number, latitude: number]

/** Corners, edges, and positions beside them. */
const EDGES: readonly Point[] = [
  -MAX_LONGITUDE,
  -179.9999999,
  -1e-9,
  0,
  1e-300,
  179.9999999,
  MAX_LONGITUDE,
].flatMap((longitude) =>
  [-MAX_LATITUDE, -85.05, 0, 66.1, 84.9999, MAX_LATITUDE].map((latitude): Point => [longitude, latitude]),
)

const random = seededRandom(11)
const uniform = (most: number): number => (random() / 2 ** 31 - 1) * most

const RANDOM: readonly Point[] = Array.from({ length: 600 }, () => [
  uniform(MAX_LONGITUDE),
  uniform(MAX_LATITUDE),
])
/** Many on a few kilometers, and around the antimeridian. */
const CLUSTERED: readonly Point[] = Array.from({ length: 300 }, (_, i) => {
  const offset = uniform(0.02)
  return i % 2 === 0
    ? [2.35 + offset, 48.85 + uniform(0.02)]
    : [offset > 0 ? 180 - offset : -180 - offset, uniform(0.02)]
})

const POINTS = [...EDGES, ...RANDOM, ...CLUSTERED]

/** Scores that no GEOADD makes, but ZADD does. */
const ODD_SCORES = [
  -1,
  -0.5,
  0.5,
  1.9,
  2 ** 52,
  2 ** 53,
  2 ** 54,
  2 ** 63,
  2 ** 64,
  -(2 ** 63),
  1e300,
  -1e300,
].concat(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)

const longitude = fc.double({ min: -MAX_LONGITUDE, max: MAX_LONGITUDE, noNaN: true })
const latitude = fc.double({ min: -MAX_LATITUDE, max: MAX_LATITUDE, noNaN: true })

function decoded(score: number): Position {
  const position = new Position()
  position.decode(score)
  return position
}

/** All areas to search around a point. */
function areasAround([longitude, latitude]: Point): SearchArea[] {
  const center = { longitude, latitude }
  return [
    ...[0, 1, 900, 1e5, 5e6, 3e7].map((radius) => ({ ...center, unitMeters: 1, radius })),
    { ...center, unitMeters: 0.3048, radius: 5000 },
    { ...center, unitMeters: 1609.34, radius: 250 },
    { ...center, unitMeters: 1000, width: 3, height: 3 },
    { ...center, unitMeters: 1000, width: 20_000, height: 1000 },
    { ...center, unitMeters: 1000, width: 10, height: 15_000 },
  ]
}

test('a geohash decodes to a position within its cell', () => {
  fc.assert(
    fc.property(longitude, latitude, (x, y) => {
      // Redis: the greatest values are one cell too far.
      fc.pre(x + MAX_LONGITUDE < 2 * MAX_LONGITUDE && y + MAX_LATITUDE < 2 * MAX_LATITUDE)
      const position = decoded(geohashScore(x, y))
      expect(Math.abs(position.longitude - x)).toBeLessThan(360 / 2 ** 26)
      expect(Math.abs(position.latitude - y)).toBeLessThan(171 / 2 ** 26)
    }),
  )
})

test('positions outside the limits are none', () => {
  expect(isPosition(180, -85.05112878)).toBe(true)
  for (const [x, y] of [
    [180.1, 0],
    [0, 85.06],
    [Number.NaN, 0],
    [0, Number.NaN],
    [Number.POSITIVE_INFINITY, 0],
  ] as const)
    expect(isPosition(x, y)).toBe(false)
})

test('the ranges of a search hold every position within the area', () => {
  const near = fc.double({ min: -1, max: 1, noNaN: true })
  fc.assert(
    fc.property(
      longitude,
      latitude,
      near,
      near,
      fc.double({ min: 1, max: 1e6, noNaN: true }),
      (x, y, dx, dy, radius) => {
        const spread = radius / 40_000
        // Redis's nine cells do not reach across the antimeridian or the limits in every case.
        fc.pre(Math.abs(x) < 100 && Math.abs(y) < 60)
        const position = decoded(geohashScore(x + dx * spread, y + dy * spread))
        for (const area of [
          { longitude: x, latitude: y, unitMeters: 1, radius },
          { longitude: x, latitude: y, unitMeters: 1, width: radius, height: radius / 2 },
        ]) {
          if (distanceWithin(area, position) < 0) continue
          const score = geohashScore(position.longitude, position.latitude)
          expect(scoreRanges(area).some(({ min, max }) => min <= score && score < max)).toBe(true)
        }
      },
    ),
  )
})

test('a distance has four digits, halves go to the even one', () => {
  expect(distanceText(0)).toBe('0.0000')
  expect(distanceText(0.00004)).toBe('0.0000')
  expect(distanceText(0.0001)).toBe('0.0001')
  expect(distanceText(12.00005)).toBe('12.0000')
  expect(distanceText(166274.15156960039)).toBe('166274.1516')
  expect(distanceText(20015086.796)).toBe('20015086.7960')
})

test('units are read in any case', () => {
  const meters = (unit: string): number => unitMeters(Buffer.from(unit), 0, unit.length)
  expect(['m', 'KM', 'Ft', 'mi'].map(meters)).toEqual([1, 1000, 0.3048, 1609.34])
  expect(['', 'k', 'mm', 'miles'].map(meters)).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN])
})

describeWithRedis('geohashes, distances and searches are those of Redis', (redis) => {
  const names = POINTS.map((_, i) => `p${i}`)

  async function addPoints(key: string): Promise<void> {
    await redis().call('del', key)
    const triples = POINTS.flatMap(([x, y], i): string[] => [String(x), String(y), names[i] ?? ''])
    expect(await redis().call('geoadd', key, ...triples)).toBe(POINTS.length)
  }

  test('the scores', async () => {
    await addPoints('points')
    const scores = await redis().call('zmscore', 'points', ...names)
    expect(POINTS.map(([x, y]) => geohashScore(x, y))).toEqual((scores as string[]).map(Number))
  })

  test('the positions and the texts of scores', async () => {
    const scores = [...POINTS.map(([x, y]) => geohashScore(x, y)), ...ODD_SCORES]
    const members = scores.map((_, i) => `m${i}`)
    const shown = (score: number): string =>
      Number.isFinite(score) ? String(score) : score > 0 ? 'inf' : '-inf'
    await redis().call('zadd', 'scores', ...scores.flatMap((score, i) => [shown(score), members[i] ?? '']))
    const positions = scores.map(decoded)
    expect(positions.map((at) => [coordinateText(at.longitude), coordinateText(at.latitude)])).toEqual(
      await redis().call('geopos', 'scores', ...members),
    )
    expect(positions.map(geohashText)).toEqual(await redis().call('geohash', 'scores', ...members))
  })

  test('the distances', async () => {
    await addPoints('points')
    const pairs = POINTS.map((_, i) => [i, random() % POINTS.length] as const)
    const replies = await redis().pipeline(
      pairs.map(([a, b]) => ['geodist', 'points', names[a] ?? '', names[b] ?? '']),
    )
    const positions = POINTS.map(([x, y]) => decoded(geohashScore(x, y)))
    pairs.forEach(([a, b], i) => {
      const [from, to] = [positions[a] ?? new Position(), positions[b] ?? new Position()]
      const meters = distance(from.longitude, from.latitude, to.longitude, to.latitude)
      const reply = replies[i] as string
      // The C library's sine is not V8's: the last digit of thousands of kilometers may differ.
      if (distanceText(meters) !== reply) expect(Math.abs(meters - Number(reply))).toBeLessThan(0.000_051)
    })
  })

  test('the members that searches find, and their order', async () => {
    await addPoints('points')
    const scored = POINTS.map(([x, y], i) => ({ name: names[i] ?? '', score: geohashScore(x, y) }))
    scored.sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
    const centers = [...EDGES, ...RANDOM.slice(0, 60), ...CLUSTERED.slice(0, 20)]
    const areas = centers.flatMap(areasAround)
    const replies = await redis().pipeline(
      areas.map((area) => ['geosearch', 'points', ...searchArguments(area)]),
    )
    areas.forEach((area, i) => {
      const found: string[] = []
      for (const { min, max } of scoreRanges(area)) {
        for (const { name, score } of scored) {
          if (score >= min && score < max && distanceWithin(area, decoded(score)) >= 0) found.push(name)
        }
      }
      expect(found, JSON.stringify(area)).toEqual(replies[i])
    })
  })
})

const UNITS: ReadonlyMap<number, string> = new Map([
  [1, 'm'],
  [1000, 'km'],
  [0.3048, 'ft'],
  [1609.34, 'mi'],
])

function searchArguments({ longitude, latitude, unitMeters, radius, width, height }: SearchArea): string[] {
  const shape = radius === undefined ? ['bybox', String(width), String(height)] : ['byradius', String(radius)]
  return ['fromlonlat', String(longitude), String(latitude), ...shape, UNITS.get(unitMeters) ?? '']
}

describe('coordinates are printed as Redis prints long doubles', () => {
  test.each([
    [0, '0'],
    [-0, '0'],
    [-1e-20, '0'],
    [180, '180'],
    [-13.361389338970184, '-13.36138933897018433'],
    [2 ** -18, '0.00000381469726562'],
    [3 * 2 ** -18, '0.00001144409179688'],
    [-3 * 2 ** -18, '-0.00001144409179688'],
  ])('%f', (degrees, text) => {
    expect(coordinateText(degrees)).toBe(text)
  })
})
