// Key traces: which keys a program asked its cache for, in order.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export interface Trace {
  readonly name: string
  /** The key of each access: a number below `distinct`. */
  readonly ids: Uint32Array
  /** The bytes of the value of each access; `undefined`: all have one size. */
  readonly sizes: Uint32Array | undefined
  readonly distinct: number
  /** By key: how long a load takes, ms. The trace has sizes then. */
  readonly loadMs?: Uint32Array
}

/** By the end of the file's name: how many numbers an access has. */
const FORMATS = [
  { ending: '.u32.gz', numbers: 1 },
  { ending: '.u32x2.gz', numbers: 2 },
] as const

const WANTED =
  'wants files NAME.u32.gz (gzip of little-endian uint32 key ids) or NAME.u32x2.gz (the same of pairs: id, bytes of the value)'

/**
 * The traces of a folder, by name.
 *
 * @throws Error when the folder has none, or a file has another format
 */
export function readTraces(folder: string): Trace[] {
  let files: string[]
  try {
    files = readdirSync(folder).sort()
  } catch (error) {
    throw new Error(`cannot read the folder of traces ${folder} (${(error as Error).message}): ${WANTED}`)
  }
  const traces = files.flatMap((file) => {
    const format = FORMATS.find(({ ending }) => file.endsWith(ending))
    if (format === undefined) return []
    return [decode(file.slice(0, -format.ending.length), readFileSync(join(folder, file)), format.numbers)]
  })
  const twice = traces.find(({ name }, i) => traces.findIndex((other) => other.name === name) < i)
  if (twice !== undefined) throw new Error(`two traces in ${folder} are named ${twice.name}`)
  if (traces.length === 0) throw new Error(`no traces in ${folder}: ${WANTED}`)
  return traces
}

/** @param numbers for each access: 1, the key; 2, the key and the size */
export function decode(name: string, file: Uint8Array, numbers: 1 | 2): Trace {
  let bytes: Buffer
  try {
    bytes = gunzipSync(file)
  } catch (error) {
    throw new Error(`trace ${name} is no gzip file (${(error as Error).message}): ${WANTED}`)
  }
  const size = 4 * numbers
  if (bytes.length === 0 || bytes.length % size !== 0)
    throw new Error(`trace ${name} has ${bytes.length} bytes, no multiple of ${size}: ${WANTED}`)
  const accesses = bytes.length / size
  const ids = new Uint32Array(accesses)
  const sizes = numbers === 2 ? new Uint32Array(accesses) : undefined
  const numbered = new Map<number, number>()
  for (let i = 0; i < accesses; i++) {
    const key = bytes.readUInt32LE(i * size)
    let id = numbered.get(key)
    if (id === undefined) {
      id = numbered.size
      numbered.set(key, id)
    }
    ids[i] = id
    if (sizes !== undefined) sizes[i] = bytes.readUInt32LE(i * size + 4)
  }
  return { name, ids, sizes, distinct: numbered.size }
}
