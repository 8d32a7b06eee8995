// `npm run bench [-- micro|server|memory|types|cluster|origins|fairness|http] [-- --smoke]`: runs benchmarks; `--smoke` only checks that they work.

import { benchCluster } from './cluster.ts'
import { benchFairness } from './fairness.ts'
import { benchHttp } from './http/main.ts'
import { benchMemory } from './memory.ts'
import { benchMicro } from './micro/main.ts'
import { benchOrigins } from './origins/main.ts'
import { benchServers } from './server.ts'
import { benchTypes } from './types.ts'

const PARTS = ['micro', 'server', 'memory', 'types', 'cluster', 'origins', 'fairness', 'http'] as const

const words = process.argv.slice(2)
const smoke = words.includes('--smoke')
const named = words.filter((word) => word !== '--smoke')
const unknown = named.filter((word) => !PARTS.some((part) => part === word))
if (unknown.length > 0) {
  console.error(`bench: got ${unknown.join(' ')}, wants some of ${PARTS.join(', ')} and --smoke`)
  process.exit(1)
}

const wanted = (part: (typeof PARTS)[number]): boolean => named.length === 0 || named.includes(part)
const faults = wanted('micro') ? [...(await benchMicro({ smoke }))] : []
if (wanted('server')) await benchServers({ smoke })
if (wanted('memory')) await benchMemory({ smoke })
if (wanted('types')) await benchTypes({ smoke })
if (wanted('cluster')) await benchCluster({ smoke })
if (wanted('origins')) faults.push(...(await benchOrigins({ smoke })))
if (wanted('fairness')) faults.push(...(await benchFairness({ smoke })))
if (wanted('http')) faults.push(...(await benchHttp({ smoke })))
for (const fault of faults) console.error(`bench: ${fault}`)
if (faults.length > 0) process.exit(1)
