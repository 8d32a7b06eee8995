// Many kinds of made key traces, by name: what `auto` may meet.

import type { Trace } from '../../bench/eviction/traces.ts'
import { trace, uniform, zipf } from './key-traces.ts'
import { type Random, seededRandom } from './random.ts'

type Draw = () => number
type Kind = (name: string) => Trace

const ACCESSES = 120_000
/** Keys from here on are of another part of a mix. */
const OTHER = 1_000_000

export const KINDS: Readonly<Record<string, Kind>> = {
  ...popularities(),
  ...scansAndLoops(),
  ...changes(),
  ...recency(),
  ...sized(),
}

/** Zipf of several exponents, alone and with keys that are read once. */
function popularities(): Record<string, Kind> {
  const kinds: Record<string, Kind> = {}
  for (const skew of [0.6, 0.8, 1, 1.2])
    kinds[`zipf ${skew}`] = (name) => {
      return made(name, zipf(20_000, skew, seededRandom(1)))
    }
  for (const once of [0.5, 0.7, 0.9])
    for (const skew of [0.8, 1])
      kinds[`${100 * once} % read once, zipf ${skew}`] = (name) => {
        const random = seededRandom(2)
        const draw = zipf(5000, skew, random)
        return made(name, (i) => (uniform(random) < once ? OTHER + i : draw()))
      }
  return kinds
}

function scansAndLoops(): Record<string, Kind> {
  const kinds: Record<string, Kind> = {}
  for (const [every, length] of [
    [10_000, 2000],
    [20_000, 10_000],
    [5000, 4000],
  ]) {
    const scan = (name: string, keyAt: (i: number) => number): Trace => {
      const draw = zipf(10_000, 0.9, seededRandom(3))
      return made(name, (i) => (i % every >= every - length ? OTHER + keyAt(i) : draw()))
    }
    kinds[`scan of ${length} new keys in ${every}`] = (name) => scan(name, (i) => i)
    kinds[`scan of the same ${length} keys in ${every}`] = (name) => scan(name, (i) => i % every)
  }
  for (const part of [0.2, 0.5, 0.8])
    kinds[`${100 * part} % a loop, else zipf`] = (name) => {
      const random = seededRandom(4)
      const draw = zipf(10_000, 0.9, random)
      const next = loop(2000)
      return made(name, () => (uniform(random) < part ? OTHER + next() : draw()))
    }
  for (const length of [300, 1000])
    kinds[`a loop of ${length} keys, others from time to time`] = (name) => {
      const next = loop(length)
      return made(name, (i) => Math.floor(i / 20_000) * length + next())
    }
  return kinds
}

/** What is best changes, or what is popular. */
function changes(): Record<string, Kind> {
  const parts = {
    zipf: () => zipf(8000, 0.9, seededRandom(5)),
    recency: () => recent(seededRandom(6), 0.1, 400),
    loop: () => loop(1500),
    drift: () => drift(seededRandom(7)),
  }
  const kinds: Record<string, Kind> = {}
  for (const [a, b, length] of [
    ['zipf', 'recency', 100_000],
    ['zipf', 'loop', 100_000],
    ['recency', 'loop', 100_000],
    ['drift', 'loop', 100_000],
    ['zipf', 'drift', 30_000],
    ['recency', 'loop', 30_000],
    ['drift', 'loop', 10_000],
  ] as const)
    kinds[`${a} and ${b} by turns, ${length} each`] = (name) => {
      const [first, second] = [parts[a](), parts[b]()]
      const keyAt = (i: number): number => (Math.floor(i / length) % 2 === 0 ? first() : OTHER + second())
      return trace(name, keyAt, Math.max(ACCESSES, 4 * length))
    }
  for (const [keys, every] of [
    [3000, 5],
    [3000, 50],
    [20_000, 20],
  ])
    kinds[`the popular ones of ${keys} move on every ${every}`] = (name) => {
      const draw = zipf(keys, 1, seededRandom(8))
      return made(name, (i) => Math.floor(i / every) + draw())
    }
  for (const every of [15_000, 40_000])
    kinds[`all popular keys are others every ${every}`] = (name) => {
      const draw = zipf(5000, 0.9, seededRandom(9))
      return made(name, (i) => Math.floor(i / every) * 5000 + draw())
    }
  return kinds
}

/** Keys that are read again soon or never, alone and mixed with zipf. */
function recency(): Record<string, Kind> {
  const kinds: Record<string, Kind> = {}
  for (const [fresh, distance] of [
    [0.05, 300],
    [0.3, 1000],
    [0.2, 3000],
    [0.5, 300],
    [0.1, 100],
  ])
    kinds[`recency: ${100 * fresh} % new, else within ${distance}`] = (name) => {
      return made(name, recent(seededRandom(10), fresh, distance))
    }
  for (const part of [0.3, 0.5, 0.7])
    kinds[`${100 * part} % zipf, else recency`] = (name) => {
      const random = seededRandom(11)
      const [popular, again] = [zipf(5000, 0.9, random), recent(seededRandom(12), 0.1, 1000)]
      return made(name, () => (uniform(random) < part ? popular() : OTHER + again()))
    }
  return kinds
}

/** Entries of any size. */
function sized(): Record<string, Kind> {
  const mix = (name: string, bytesOf: (key: number) => number): Trace => {
    const random = seededRandom(13)
    const draw = zipf(10_000, 0.9, random)
    return withSizes(
      name,
      Array.from({ length: ACCESSES }, (_, i) => (uniform(random) < 0.3 ? OTHER + i : draw())),
      bytesOf,
    )
  }
  const anySize = (key: number): number => 50 + (Math.imul(key + 1, 0x9e3779b1) >>> 20)
  return {
    'any sizes': (name) => mix(name, anySize),
    'the popular ones are small': (name) => mix(name, (key) => (key < OTHER ? 50 + key / 2 : 4000)),
    'the popular ones are large': (name) => {
      return mix(name, (key) => (key < OTHER ? 20 + 8000 / (1 + key / 200) : 100))
    },
    'any sizes, recency': (name) => {
      const draw = recent(seededRandom(14), 0.15, 2000)
      return withSizes(name, Array.from({ length: ACCESSES }, draw), anySize)
    },
  }
}

function made(name: string, keyAt: (i: number) => number): Trace {
  return trace(name, keyAt, ACCESSES)
}

function withSizes(name: string, keys: readonly number[], bytesOf: (key: number) => number): Trace {
  const made = trace(name, (i) => keys[i], keys.length)
  return { ...made, sizes: Uint32Array.from(keys, (key) => Math.ceil(bytesOf(key))) }
}

function loop(keys: number): Draw {
  let next = 0
  return () => next++ % keys
}

function drift(random: Random): Draw {
  let i = 0
  return () => Math.floor(i++ / 8) + Math.floor(uniform(random) * uniform(random) * 1500)
}

/** A part of the accesses are new keys; the others are of a key read so many accesses before, on average. */
function recent(random: Random, fresh: number, distance: number): Draw {
  const read: number[] = []
  let next = 0
  return () => {
    const back = 1 + Math.floor(-Math.log(1 - uniform(random)) * distance)
    const key = uniform(random) < fresh || back > read.length ? next++ : read[read.length - back]
    read.push(key)
    return key
  }
}
