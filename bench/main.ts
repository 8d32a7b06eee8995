// `npm run bench [-- micro|server|memory|types|cluster|scaling|origins|fairness|http|eviction] [--smoke]
// [--node PATH…] [--traces FOLDER]`: runs benchmarks; `--smoke` only checks that they work, `--node` compares versions of Node.js,
// `--traces` has the key traces of `eviction`.

import { type BenchArguments, type Part, parseArguments } from './arguments.ts'
import { benchCluster } from './cluster.ts'
import { benchEviction } from './eviction/main.ts'
import { benchFairness } from './fairness.ts'
import { benchHttp } from './http/main.ts'
import { benchMemory } from './memory.ts'
import { benchMicro } from './micro/main.ts'
import { benchOrigins } from './origins/main.ts'
import { benchScaling } from './scaling/main.ts'
import { benchServers } from './server.ts'
import { benchTypes } from './types/main.ts'

const { parts, smoke, nodes, traces } = parsed()
const wanted = (part: Part): boolean => parts.includes(part)
const faults = wanted('micro') ? [...(await benchMicro({ smoke }))] : []
if (wanted('server')) await benchServers({ smoke, nodes })
if (wanted('memory')) await benchMemory({ smoke })
if (wanted('types')) await benchTypes({ smoke })
if (wanted('cluster')) await benchCluster({ smoke })
if (wanted('scaling')) await benchScaling({ smoke })
if (wanted('origins')) faults.push(...(await benchOrigins({ smoke })))
if (wanted('fairness')) faults.push(...(await benchFairness({ smoke })))
if (wanted('http')) faults.push(...(await benchHttp({ smoke })))
if (wanted('eviction')) await benchEviction({ smoke, traces })
for (const fault of faults) console.error(`bench: ${fault}`)
if (faults.length > 0) process.exit(1)

function parsed(): BenchArguments {
  try {
    return parseArguments(process.argv.slice(2))
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`)
    process.exit(1)
  }
}
