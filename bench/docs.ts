// Writes the generated parts of the documentation: commands, settings and measured figures. `npm run docs`.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { clusterSection } from './cluster-results.ts'
import { evictionSection } from './eviction/section.ts'
import { metricReference } from './metrics-reference.ts'
import { originSection } from './origins/section.ts'
import {
  clusterReference,
  commandReference,
  httpReference,
  routeReference,
  settingReference,
} from './reference.ts'
import { memorySection, serverSection } from './results.ts'
import { scalingSection } from './scaling/results.ts'
import { summarySection } from './summary.ts'
import { typeSection } from './types/section.ts'

const PROJECT = new URL('../', import.meta.url)
const RESULTS = new URL('./results/', import.meta.url)

/** The text between `<!-- name -->` and `<!-- /name -->`, by name. */
export type Sections = Readonly<Record<string, string>>

/** By page: the sections that are generated from the sources. */
export function referencePages(): Readonly<Record<string, Sections>> {
  return {
    'docs/commands.md': { commands: commandReference() },
    'docs/configuration.md': {
      settings: settingReference(),
      cluster: clusterReference(),
      http: httpReference(),
    },
    'docs/http.md': { routes: routeReference() },
    'docs/metrics.md': { metrics: metricReference() },
  }
}

/** By page: the sections that are generated from the results of the benchmarks. */
export function measuredPages(): Readonly<Record<string, Sections>> {
  const results = {
    server: read<Parameters<typeof serverSection>[0]>('server.json'),
    memory: read<Parameters<typeof memorySection>[0]>('memory.json'),
    cluster: read<Parameters<typeof clusterSection>[0]>('cluster.json'),
    scaling: read<Parameters<typeof scalingSection>[0]>('scaling.json'),
    origins: read<Parameters<typeof originSection>[0]>('origins.json'),
    types: read<Parameters<typeof typeSection>[0]>('types.json'),
    eviction: read<Parameters<typeof evictionSection>[0]>('eviction.json'),
  }
  return {
    'README.md': { 'bench:summary': summarySection(results) },
    'docs/performance.md': {
      'bench:server': serverSection(results.server),
      'bench:memory': memorySection(results.memory),
      'bench:types': typeSection(results.types),
      'bench:eviction': evictionSection(results.eviction),
      'bench:cluster': clusterSection(results.cluster),
      'bench:scaling': scalingSection(results.scaling),
      'bench:origins': originSection(results.origins),
    },
  }
}

/**
 * The text with its sections replaced.
 * @throws Error when a section is missing
 */
export function fill(text: string, sections: Sections): string {
  return Object.entries(sections).reduce((filled, [name, content]) => {
    const [opening, closing] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`]
    const start = filled.indexOf(opening) + opening.length
    const end = filled.indexOf(closing, start)
    if (start < opening.length || end < 0) throw new Error(`no section ${name}`)
    return `${filled.slice(0, start)}\n${content}\n\n${filled.slice(end)}`
  }, text)
}

/** The results that a benchmark wrote; their shape is not checked. */
function read<Results>(name: string): Results | undefined {
  const file = new URL(name, RESULTS)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const pages of [referencePages(), measuredPages()])
    for (const [page, sections] of Object.entries(pages)) {
      const file = new URL(page, PROJECT)
      writeFileSync(file, fill(readFileSync(file, 'utf8'), sections))
    }
}
