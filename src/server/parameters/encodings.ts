// CONFIG parameters of encodings: the sizes up to which OBJECT ENCODING reports a compact encoding.

import type { Parameter } from '../../commands/spec/parameter.ts'
import type { EncodingLimits } from '../../store/types/encoding-limits.ts'
import { type Accept, INT_MAX, int, integer, memory } from './values.ts'

const count = integer(0)
const bytes = memory(0)
const INT_MIN = -0x8000_0000

/** Redis's names; where there are two, the second is that of Redis 6. */
const NAMES: readonly (readonly [keyof EncodingLimits, Accept<number>, ...names: string[]])[] = [
  ['hashMaxListpackEntries', count, 'hash-max-listpack-entries', 'hash-max-ziplist-entries'],
  ['hashMaxListpackValue', bytes, 'hash-max-listpack-value', 'hash-max-ziplist-value'],
  ['listMaxListpackSize', integer(INT_MIN, INT_MAX), 'list-max-listpack-size', 'list-max-ziplist-size'],
  ['listCompressDepth', int(0), 'list-compress-depth'],
  ['setMaxIntsetEntries', count, 'set-max-intset-entries'],
  ['zsetMaxListpackEntries', count, 'zset-max-listpack-entries', 'zset-max-ziplist-entries'],
  ['zsetMaxListpackValue', bytes, 'zset-max-listpack-value', 'zset-max-ziplist-value'],
  ['streamNodeMaxEntries', count, 'stream-node-max-entries'],
  ['streamNodeMaxBytes', bytes, 'stream-node-max-bytes'],
]

export function encodingParameters(limits: EncodingLimits): Parameter[] {
  return NAMES.flatMap(([limit, accept, ...names]) =>
    names.map((name) => ({
      name,
      get: () => String(limits[limit]),
      accept: (text: string) =>
        accept(text, (value) => {
          limits[limit] = value
        }),
    })),
  )
}
