// What the server benchmark measures, as its result file has it.

/** What is asked of a server: writes, reads, or nine reads to a write with Zipf-distributed keys. */
export type Workload = 'SET' | 'GET' | 'mix'

export interface Sample {
  readonly opsPerSecond: number
  readonly cpuMicros: number
}

/** One workload at one depth of pipelining, for one server: medians over the rounds. */
export interface Cell extends Sample {
  readonly server: string
  readonly workload: Workload
  readonly depth: number
  /** Throughput and CPU per operation as multiples of redis's: medians of the rounds' own ratios. */
  readonly throughputRatio?: number
  readonly cpuRatio?: number
}

export interface ServerResults {
  readonly command: string
  readonly conditions: Readonly<Record<string, string>>
  readonly servers: readonly { readonly name: string; readonly version: string }[]
  readonly rounds: number
  readonly cells: readonly Cell[]
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}
