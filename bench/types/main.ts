// The benchmark of data types, compared to redis-server: memory of collections, how long whole ones take, and commands.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, conditions } from '../servers.ts'
import { measureCollections } from './collections.ts'
import { measureCommands } from './commands.ts'
import type { TypeResults } from './figures.ts'
import { typeSection } from './section.ts'

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url))

export async function benchTypes({ smoke }: { readonly smoke: boolean }): Promise<void> {
  build()
  const rounds = smoke ? 1 : 5
  const { servers, rows } = await measureCollections(smoke ? 100 : 1)
  const results: TypeResults = {
    command: 'npm run bench -- types',
    conditions: conditions(),
    servers,
    rounds,
    collections: rows,
    commands: await measureCommands(smoke, rounds),
  }
  console.log(typeSection(results))
  if (smoke) return
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(`${RESULTS}types.json`, `${JSON.stringify(results, null, 2)}\n`)
}
