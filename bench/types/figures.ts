// What the benchmark of data types measures.

import type { Sample } from '../figures.ts'

/** A command on a whole large collection. */
export type WholeFigure = 'COPY' | 'RENAME' | 'DUMP and RESTORE' | 'DEL'

interface CollectionFigures {
  /** Growth of resident memory (RSS) per collection, or per element of a single one. */
  readonly bytesEach: number
  /** Milliseconds; only of a single collection. */
  readonly wholeMs?: Readonly<Record<WholeFigure, number>>
}

export interface CollectionRow {
  readonly what: string
  readonly count: number
  readonly own: CollectionFigures
  readonly theirs: CollectionFigures | undefined
}

export interface CommandRow {
  readonly command: string
  readonly depth: number
  readonly own: Sample
  readonly theirs: Sample | undefined
  /** This server's figure divided by that of redis-server, medians of the ratios within a round. */
  readonly throughputRatio: number | undefined
  readonly cpuRatio: number | undefined
}

export interface TypeResults {
  readonly command: string
  readonly conditions: Readonly<Record<string, string>>
  readonly servers: readonly { readonly name: string; readonly version: string }[]
  readonly rounds: number
  readonly collections: readonly CollectionRow[]
  readonly commands: readonly CommandRow[]
}

/** What the project wants to reach, by pipeline depth; memory at most this share of redis-server's. */
export const TYPE_GOALS = {
  memory: 0.9,
  throughput: { 1: 0.9, 16: 1 } as Readonly<Record<number, number>>,
}
