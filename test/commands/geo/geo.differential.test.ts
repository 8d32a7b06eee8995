// The geo commands compared with redis-server: edge cases, then random sequences.

import fc from 'fast-check'
import { test } from 'vitest'
import { type Command, describeComparison, testEdges } from '../../support/differential.ts'

const SICILY = 'GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 12.758489 38.788135 edge'
const LONG_MAX = '9223372036854775807'

/** Sequences of commands with `|` between them; a word in double quotes is JSON, of which each character is a byte. */
const EDGES: Readonly<Record<string, string>> = {
  GEOADD: String.raw`
    GEOADD | GEOADD s 1 2 | GEOADD s 1 2 a | GEOADD s 1 2 a 3 | GEOADD s 1 2 a 3 4 b | GEOADD s NX 1 2 | GEOADD s NX XX CH
    GEOADD s NX 5 6 a | GEOPOS s a | GEOADD s XX 5 6 a 7 8 c | GEOPOS s a c | GEOADD s CH 5 6 a 9 9 b 1 1 d | GEOADD s ch XX 1 1 a 1 1 b 1 1 e
    GEOADD s NX XX 1 1 a | GEOADD s nx ch 1 1 f | GEOADD s x 1 a | GEOADD s 1 x a | GEOADD s 181 0 a | GEOADD s 0 86 a | GEOADD s -180.1 -90 a
    GEOADD s inf 0 a | GEOADD s 0 -inf a | GEOADD s nan 0 a | GEOADD s 1e300 0 a | GEOADD s 200.0000005 -100.0078125 a | GEOADD s "" 0 a
    GEOADD s 180 85.05112878 max -180 -85.05112878 min | GEOPOS s max min | GEOHASH s max min | GEODIST s max min | GEOADD s 1 1 a 200 1 b
    GEOADD s 0x10 1e1 hex | GEOPOS s hex | GEOADD none XX 1 1 a | EXISTS none | GEOADD t 1 1 "" 2 2 "\u0000\r\n" | GEOPOS t "" "\u0000\r\n"
    GEOADD t 3 3 a 4 4 a | GEOPOS t a | GEOADD t CH 5 5 a 4 4 a | SET str x | GEOADD str 1 1 a | GEOADD str x 1 a | TYPE s`,
  'GEOPOS, GEOHASH and GEODIST': `
    ${SICILY} | GEOPOS s Palermo Catania none | GEOPOS s | GEOPOS none a b | GEOPOS none | GEOHASH s Palermo Catania none | GEOHASH s | GEOHASH none a
    GEODIST s Palermo Catania | GEODIST s Palermo Catania m | GEODIST s Palermo Catania KM | GEODIST s Palermo Catania ft | GEODIST s Palermo Catania Mi
    GEODIST s Palermo Catania x | GEODIST s Palermo Catania m m | GEODIST s Palermo | GEODIST s Palermo none | GEODIST none a b | GEODIST none a b x
    GEODIST s Palermo Palermo | SET str x | GEOPOS str a | GEOHASH str a | GEODIST str a b | GEODIST str a b x | GEOPOS | GEOHASH | GEODIST`,
  GEOSEARCH: `
    ${SICILY} | GEOSEARCH | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 200 km | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 200 km ASC
    GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 200 km DESC WITHCOORD WITHDIST WITHHASH | GEOSEARCH s FROMMEMBER Palermo BYRADIUS 200 mi ASC WITHDIST
    GEOSEARCH s FROMMEMBER none BYRADIUS 200 km | GEOSEARCH s FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHDIST | GEOSEARCH s FROMLONLAT 15 37 BYBOX 400 40 km
    GEOSEARCH s FROMLONLAT 15 37 BYBOX 0 0 km | GEOSEARCH s BYRADIUS 1 km FROMLONLAT 15 37 | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1
    GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 300 km COUNT 2 DESC | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 300 km COUNT 1 ANY
    GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 300 km ANY COUNT 1 | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 300 km ANY | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 300 km COUNT 0
    GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 300 km COUNT -1 | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 300 km COUNT x | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 300 km COUNT
    GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 300 km COUNT ${LONG_MAX} | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS x km | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS -1 km
    GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 1 x | GEOSEARCH s FROMLONLAT 15 37 BYBOX x 1 km | GEOSEARCH s FROMLONLAT 15 37 BYBOX 1 x km | GEOSEARCH s FROMLONLAT 15 37 BYBOX -1 1 km
    GEOSEARCH s FROMLONLAT 15 37 BYBOX 1 -1 km | GEOSEARCH s FROMLONLAT 15 37 BYBOX 1 1 x | GEOSEARCH s FROMLONLAT 15 370 BYRADIUS 1 km | GEOSEARCH s FROMLONLAT x 37 BYRADIUS 1 km
    GEOSEARCH s FROMLONLAT 15 37 FROMMEMBER Palermo BYRADIUS 1 km | GEOSEARCH s FROMMEMBER Palermo FROMLONLAT 15 37 BYRADIUS 1 km | GEOSEARCH s FROMLONLAT 1 1 FROMLONLAT 15 37 BYRADIUS 200 km ASC
    GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 1 km BYBOX 1 1 km | GEOSEARCH s FROMLONLAT 15 37 BYBOX 1 1 km BYRADIUS 1 km | GEOSEARCH s BYRADIUS 1 km ASC ASC ASC
    geosearch s FROMLONLAT 15 37 ASC ASC ASC | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 200 km STORE x | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST
    GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 200 km FOO | GEOSEARCH none FROMLONLAT 15 37 BYRADIUS 200 km | GEOSEARCH none FROMMEMBER x BYRADIUS 200 km | GEOSEARCH none FROMMEMBER x BYRADIUS x km
    GEOSEARCH s FROMLONLAT 15 37 BYRADIUS inf km ASC | GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 0 m | GEOSEARCH s FROMMEMBER Palermo BYRADIUS 0 m | SET str x
    GEOSEARCH str FROMLONLAT 15 37 BYRADIUS 200 km | GEOSEARCH s fromlonlat 15 37 byradius 200 KM asc withdist`,
  'other scores': `
    ZADD s 0 a -1 b 1.9 c 4503599627370496 d 1e300 e -inf f inf g 18446744073709551615 h | GEOPOS s a b c d e f g h
    GEOHASH s a b c d e f g h | GEOSEARCH s FROMLONLAT 0 0 BYRADIUS 30000 km | GEOSEARCH s FROMLONLAT -180 -85 BYRADIUS 100 km WITHHASH
    GEODIST s a d | GEODIST s f f | GEOADD s XX 1 1 a 2 2 b | ZRANGE s 0 -1`,
  GEOSEARCHSTORE: `
    ${SICILY} | GEOSEARCHSTORE | GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km | GEOPOS d Palermo Catania edge | ZRANGE d 0 -1 | ZCARD d | GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST
    GEOSEARCH d FROMLONLAT 0 0 BYRADIUS 30000 km WITHHASH ASC | GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST | GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1
    GEOPOS d Palermo Catania edge | GEOSEARCHSTORE d s FROMLONLAT 0 0 BYRADIUS 1 km | EXISTS d | GEOSEARCHSTORE d none FROMLONLAT 0 0 BYRADIUS 1 km | SET d x
    GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km | TYPE d | SET d x | GEOSEARCHSTORE d none FROMLONLAT 15 37 BYRADIUS 200 km | EXISTS d
    GEOSEARCHSTORE s s FROMMEMBER Catania BYRADIUS 1 km | GEOPOS s Palermo Catania | SET str x | GEOSEARCHSTORE d str FROMLONLAT 15 37 BYRADIUS 200 km
    GEOSEARCHSTORE d s STORE x FROMLONLAT 15 37 BYRADIUS 200 km | GEOSEARCHSTORE d s FROMMEMBER none BYRADIUS 200 km`,
  'GEORADIUS and GEORADIUSBYMEMBER': `
    ${SICILY} | GEORADIUS | GEORADIUS s 15 37 200 km | GEORADIUS s 15 37 200 km WITHDIST ASC | GEORADIUS s 15 37 200 km WITHDIST WITHCOORD WITHHASH COUNT 1
    GEORADIUS s 15 37 200 km STORE d | GEOPOS d Palermo Catania | GEORADIUS s 15 37 200 km STOREDIST d | GEORADIUS s 15 37 200 km STORE d WITHDIST
    GEORADIUS s 15 37 200 km STORE | GEORADIUS s 15 37 200 km STORE d STOREDIST e | EXISTS d | EXISTS e | GEORADIUS s 15 37 -1 km | GEORADIUS s 15 37 x km
    GEORADIUS s 15 37 1 x | GEORADIUS s 15 370 1 km | GEORADIUS s x 37 1 km | GEORADIUS s 15 37 200 km FROMMEMBER x | GEORADIUS none 15 37 200 km
    GEORADIUS none 15 37 200 km STORE d | EXISTS d | GEORADIUS none x 37 200 km | GEORADIUS_RO s 15 37 200 km ASC | GEORADIUS_RO s 15 37 200 km STORE d
    GEORADIUS_RO s 15 37 200 km STOREDIST d | GEORADIUSBYMEMBER s Palermo 200 km ASC | GEORADIUSBYMEMBER s none 200 km | GEORADIUSBYMEMBER none x 200 km
    GEORADIUSBYMEMBER none x x x | GEORADIUSBYMEMBER none x x x FOO | GEORADIUSBYMEMBER s Palermo 200 km STORE d | GEORADIUSBYMEMBER s Palermo 1 | GEORADIUSBYMEMBER_RO s Palermo 200 km ASC COUNT 2 ANY
    GEORADIUSBYMEMBER_RO s Palermo 200 km STORE d | GEORADIUSBYMEMBER none x 1 km STOREDIST d | SET str x | GEORADIUS str 1 1 1 km | GEORADIUS str x 1 1 km
    GEORADIUSBYMEMBER str x 1 km | GEORADIUS s 15 37 200 km COUNT 1 ANY ASC | GEORADIUS s 15 37 200 km ANY`,
}

const member = fc.integer({ min: 0, max: 25 }).map((n) => `m${n}`)
/** A fixed set: the last digit of a long distance depends on the sine function. */
const PLACES: readonly (readonly [string, string])[] = [
  ['2.352222', '48.856613'],
  ['2.3601', '48.8502'],
  ['-0.1278', '51.5074'],
  ['179.9999', '0.0001'],
  ['-179.9999', '-0.0001'],
  ['180', '85.05112878'],
  ['-180', '-85.05112878'],
  ['0', '0'],
  ['13.361389', '38.115556'],
  ['151.2093', '-33.8688'],
  ['-70.66', '-33.44'],
  ['25', '84.9'],
  ['-155', '84.9'],
  ['100.5', '13.7'],
]
const place = fc.constantFrom(...PLACES)
const shape = fc.oneof(
  fc
    .tuple(fc.constantFrom('0', '1', '900', '5000', '20000'), fc.constantFrom('m', 'km', 'ft', 'mi'))
    .map((words) => ['BYRADIUS', ...words]),
  fc
    .tuple(
      fc.constantFrom('0', '10', '3000', '40000'),
      fc.constantFrom('10', '2000', '20000'),
      fc.constant('km'),
    )
    .map((words) => ['BYBOX', ...words]),
)
const center = fc.oneof(
  member.map((name) => ['FROMMEMBER', name]),
  place.map((words) => ['FROMLONLAT', ...words]),
)
const limits = fc.constantFrom([], [], ['COUNT', '3', 'ANY'], ['COUNT', '1', 'ANY'])
const details = fc.subarray(['WITHDIST', 'WITHCOORD', 'WITHHASH'])

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.subarray(['NX', 'CH']), fc.array(fc.tuple(place, member), { minLength: 1, maxLength: 4 }))
      .map(([options, members]) => [
        'GEOADD',
        's',
        ...options,
        ...members.flatMap(([at, name]) => [...at, name]),
      ]),
  },
  { weight: 1, arbitrary: fc.array(member, { maxLength: 4 }).map((names) => ['GEOPOS', 's', ...names]) },
  { weight: 1, arbitrary: fc.array(member, { maxLength: 4 }).map((names) => ['GEOHASH', 's', ...names]) },
  { weight: 1, arbitrary: fc.tuple(member, member).map((names) => ['GEODIST', 's', ...names]) },
  {
    weight: 4,
    arbitrary: fc.tuple(center, shape, limits, details).map((words) => ['GEOSEARCH', 's', ...words.flat()]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(center, shape, fc.constantFrom([], ['STOREDIST']))
      .map((words) => ['GEOSEARCHSTORE', 'd', 's', ...words.flat()]),
  },
  {
    weight: 1,
    arbitrary: fc.constant(['GEOSEARCH', 'd', 'FROMLONLAT', '0', '0', 'BYRADIUS', '30000', 'km', 'WITHHASH']),
  },
)

describeComparison('geo commands', (expectSame) => {
  testEdges(EDGES, expectSame)

  test('random sequences', async () => {
    const property = fc.asyncProperty(fc.array(command, { maxLength: 40 }), (commands) =>
      expectSame(commands),
    )
    await fc.assert(property, { numRuns: 100 })
  })
})
