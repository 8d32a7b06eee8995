// Writes into README.md what is derived: the commands, the settings, and what was measured. `npm run readme`.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { clusterSection } from './cluster-results.ts'
import { originSection } from './origins/section.ts'
import { clusterReference, commandReference, settingReference } from './reference.ts'
import { memorySection, serverSection } from './results.ts'

const README = fileURLToPath(new URL('../README.md', import.meta.url))
const RESULTS = new URL('./results/', import.meta.url)

/** What stands between `<!-- name -->` and `<!-- /name -->`, by name. */
export type Sections = Readonly<Record<string, string>>

/** The sections that the sources alone decide. */
export function referenceSections(): Sections {
  return { commands: commandReference(), settings: settingReference(), cluster: clusterReference() }
}

/**
 * The text with its sections replaced.
 * @throws Error when it lacks one of them
 */
export function fill(text: string, sections: Sections): string {
  return Object.entries(sections).reduce((filled, [name, content]) => {
    const [opening, closing] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`]
    const start = filled.indexOf(opening) + opening.length
    const end = filled.indexOf(closing, start)
    if (start < opening.length || end < 0) throw new Error(`README.md has no section ${name}`)
    return `${filled.slice(0, start)}\n${content}\n\n${filled.slice(end)}`
  }, text)
}

/** The sections of what the benchmarks have left in bench/results. */
function measuredSections(): Sections {
  return {
    'bench:server': serverSection(read('server.json')),
    'bench:memory': memorySection(read('memory.json')),
    'bench:cluster': clusterSection(read('cluster.json')),
    'bench:origins': originSection(read('origins.json')),
  }
}

/** What a benchmark wrote; it is trusted to have the shape that its writer gave it. */
function read<Results>(name: string): Results | undefined {
  const file = new URL(name, RESULTS)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(README, fill(readFileSync(README, 'utf8'), { ...referenceSections(), ...measuredSections() }))
}
