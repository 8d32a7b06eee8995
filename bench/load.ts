// A load of reads and writes with Zipf-distributed keys. A process: `tsx bench/load.ts OPTIONS`, with options as JSON.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { PROTOCOLS, type ProtocolName } from './protocols.ts'

const KEY_START = 'key:'

/** Keys are as redis-benchmark makes them: 16 bytes. */
export const keyOf = (i: number, start = KEY_START): string => start + String(i).padStart(12, '0')

/** A deterministic generator (mulberry32), uniform in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The exponent that YCSB draws keys with. */
export const ZIPF = 0.99

/**
 * Zipf-distributed ranks in [0, n), as YCSB draws them
 * (Gray et al., "Quickly generating billion-record synthetic databases", 1994).
 */
export function zipf(n: number, random: () => number, theta: number): () => number {
  let zeta = 0
  for (let i = 1; i <= n; i++) zeta += 1 / i ** theta
  const zeta2 = 1 + 0.5 ** theta
  const alpha = 1 / (1 - theta)
  const eta = (1 - (2 / n) ** (1 - theta)) / (1 - zeta2 / zeta)
  return () => {
    const u = random()
    const uz = u * zeta
    if (uz < 1) return 0
    if (uz < zeta2) return 1
    return Math.min(n - 1, Math.floor(n * (eta * u - eta + 1) ** alpha))
  }
}

/** Spreads ranks over the keyspace, so that hot keys are not neighbours. */
const scatter = (rank: number, keys: number): number => Number((BigInt(rank) * 2_654_435_761n) % BigInt(keys))

export interface LoadResult {
  readonly operations: number
  readonly seconds: number
  /** Milliseconds per pipeline, sorted. */
  readonly percentiles: Readonly<Record<'p50' | 'p99' | 'p999' | 'max', number>>
}

export interface LoadOptions {
  /** The ports; clients are distributed over them. */
  readonly ports: readonly number[]
  readonly keys: number
  /** The exponent of the Zipf distribution; 0: uniform. */
  readonly skew: number
  /** The share of requests for one additional key: for each port another one, or the same. */
  readonly hot?: { readonly keys: readonly string[]; readonly share: number }
  readonly clients: number
  /** Requests per pipeline. */
  readonly depth: number
  readonly operations: number
  /** The percentage of reads. */
  readonly reads: number
  readonly valueBytes: number
  readonly seed: number
  /** By default RESP. */
  readonly protocol?: ProtocolName
}

/** Runs a mixed load; the pipelines are built before the measurement starts. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const random = randomFrom(options.seed)
  const { hot, protocol = 'resp' } = options
  const { get, set } = PROTOCOLS[protocol]
  const rank = zipf(options.keys, random, options.skew)
  const value = 'x'.repeat(options.valueBytes)
  const request = (hotKey: string | undefined): string => {
    const isHot = hot !== undefined && random() < hot.share
    const key = isHot && hotKey !== undefined ? hotKey : keyOf(scatter(rank(), options.keys))
    return random() * 100 < options.reads ? get(key) : set(key, value)
  }
  const variants = Math.max(1, Math.min(20_000, Math.ceil(options.operations / options.depth)))
  const pipelinesFor = (hotKey: string | undefined): readonly Buffer[] =>
    Array.from({ length: variants }, () =>
      Buffer.from(Array.from({ length: options.depth }, () => request(hotKey)).join('')),
    )
  const hotKeys: readonly (string | undefined)[] = hot?.keys ?? [undefined]
  const byHotKey = new Map(hotKeys.map((key) => [key, pipelinesFor(key)]))
  let left = Math.ceil(options.operations / options.depth)
  const total = left
  const latencies = new Float64Array(total)
  let done = 0
  const { ports } = options
  const sockets = await Promise.all(
    Array.from({ length: options.clients }, (_, i) => open(ports[i % ports.length])),
  )
  const began = performance.now()
  await Promise.all(
    sockets.map(async (socket, i) => {
      const replies = countReplies(socket, protocol)
      const pipelines = byHotKey.get(hotKeys[i % hotKeys.length]) ?? []
      while (left > 0) {
        left--
        const sent = performance.now()
        socket.write(pipelines[left % variants])
        await replies(options.depth)
        latencies[done++] = performance.now() - sent
      }
      socket.destroy()
    }),
  )
  const seconds = (performance.now() - began) / 1000
  latencies.sort()
  const at = (share: number): number => quantile(latencies, share)
  const percentiles = { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) }
  return { operations: total * options.depth, seconds, percentiles }
}

/** The sorted value that this share of the others does not exceed; 1: the last one. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/** The maximal bytes of values in one pipeline. */
const FILL_BYTES = 4 * 2 ** 20

/** Stores `count` keys, from `first` on, in long pipelines. `start` is their prefix of 4 bytes. */
export async function fillKeys(
  port: number,
  first: number,
  count: number,
  valueBytes: number,
  start = KEY_START,
  protocol: ProtocolName = 'resp',
): Promise<void> {
  const socket = await open(port)
  const { set } = PROTOCOLS[protocol]
  const replies = countReplies(socket, protocol)
  const value = 'x'.repeat(valueBytes)
  const depth = Math.min(1000, Math.ceil(FILL_BYTES / (valueBytes + 1)))
  for (let i = first; i < first + count; i += depth) {
    const length = Math.min(depth, first + count - i)
    let text = ''
    for (let k = i; k < i + length; k++) text += set(keyOf(k, start), value)
    socket.write(text)
    await replies(length)
  }
  socket.destroy()
}

export async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return socket
}

/** Returns a function that resolves after `count` further replies to GET and SET. */
export function countReplies(
  socket: Socket,
  protocol: ProtocolName = 'resp',
): (count: number) => Promise<void> {
  const { bytesAfter, endOf } = PROTOCOLS[protocol]
  let wanted = 0
  let resolve: (() => void) | undefined
  let skip = 0
  let line = ''
  socket.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; ) {
      if (skip > 0) {
        const step = Math.min(skip, chunk.length - at)
        skip -= step
        at += step
        if (skip === 0) wanted--
        continue
      }
      const whole = line === '' ? endOf(chunk, at) : -1
      if (whole > 0) {
        at = whole
        wanted--
        continue
      }
      const end = chunk.indexOf(10, at)
      line += chunk.toString('latin1', at, end < 0 ? chunk.length : end + 1)
      if (end < 0) break
      at = end + 1
      skip = bytesAfter(line)
      if (skip === 0) wanted--
      line = ''
    }
    if (wanted <= 0 && resolve !== undefined) {
      const call = resolve
      resolve = undefined
      call()
    }
  })
  return (count) => {
    wanted = count
    return new Promise((done) => {
      resolve = done
    })
  }
}

if (process.argv[1]?.endsWith('load.ts')) {
  const options: LoadOptions = JSON.parse(process.argv[2])
  console.log(JSON.stringify(await runLoad(options)))
}
