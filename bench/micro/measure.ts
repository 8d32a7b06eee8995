// Measures hot functions: operations per second with tinybench, and bytes allocated per operation.

import { Bench } from 'tinybench'
import { collectGarbage } from '../../test/support/garbage.ts'

/** A function to measure. One call does `operations` operations, enough for the resolution of the clock. */
export interface Case {
  readonly name: string
  readonly operations: number
  readonly run: () => void
}

export interface MeasureOptions {
  /** Milliseconds per case. */
  readonly time: number
}

export interface Row {
  readonly name: string
  /** From the median call. */
  readonly opsPerSecond: number
  /** Allocated bytes of heap and array buffers, garbage included. */
  readonly bytesPerOp: number
}

/** Operations after which V8 has optimized what is measured. */
const WARMUP_OPERATIONS = 100_000

/** Maximum operations between two readings of the heap size. */
const SLICE_OPERATIONS = 5000

/** Maximum bytes that a slice should allocate: far fewer than trigger a garbage collection. */
const SLICE_BYTES = 256 * 1024

const SLICES = 15

/** Repetitions of a measurement of retained bytes. */
const RETAINED = 5

/** Measures the cases one after another in this process. */
export async function measure(cases: readonly Case[], { time }: MeasureOptions): Promise<Row[]> {
  const bench = new Bench({ time, iterations: 1, warmupTime: Math.max(time / 4, 50), warmupIterations: 1 })
  for (const { name, run } of cases) bench.add(name, run)
  await bench.run()
  return cases.map(({ name, operations, run }) => {
    const result = bench.getTask(name)?.result
    if (result?.state !== 'completed') throw new Error(`benchmark ${name}: ${result?.state}`)
    const opsPerSecond = (operations * 1000) / result.latency.p50
    return { name, opsPerSecond, bytesPerOp: bytesPerCall(run, operations) / operations }
  })
}

/**
 * Bytes that one call allocates: the median over slices of calls, so that slices with a garbage collection, or with other
 * allocations, do not count. The cost of reading the heap size is measured in the same way and subtracted.
 */
export function bytesPerCall(run: () => void, operations: number): number {
  const most = Math.max(1, Math.round(SLICE_OPERATIONS / operations))
  for (let i = 0; i < Math.max(5, WARMUP_OPERATIONS / operations); i++) run()
  const first = Math.max(1, medianGrowth(run, 1))
  const calls = Math.max(1, Math.min(most, Math.floor(SLICE_BYTES / first)))
  const looking = medianGrowth(() => {}, calls)
  return Math.max(0, medianGrowth(run, calls) - looking) / calls
}

/** Bytes retained by the result of `make`: the median of several, as compiled code counts too. */
export function retainedBytes<Retained>(
  make: () => Retained,
  discard: (retained: Retained) => void = () => {},
): number {
  const growths = Array.from({ length: RETAINED }, () => {
    collectGarbage()
    const before = allocated()
    const retained = make()
    collectGarbage()
    const growth = allocated() - before
    discard(retained)
    return growth
  })
  return growths.sort((a, b) => a - b)[RETAINED >> 1]
}

function medianGrowth(run: () => void, calls: number): number {
  const growths: number[] = []
  collectGarbage()
  for (let slice = 0; slice < SLICES; slice++) {
    const before = allocated()
    for (let i = 0; i < calls; i++) run()
    growths.push(allocated() - before)
  }
  growths.sort((a, b) => a - b)
  return growths[SLICES >> 1]
}

function allocated(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
