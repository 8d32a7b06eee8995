// The benchmark of data types, compared to redis-server: memory of collections, how long whole ones take, and commands.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, conditions, startErinys, startRedis } from '../servers.ts'
import { measureCollections } from './collections.ts'
import { measureCommands } from './commands.ts'
import type { TypeResults } from './figures.ts'
import { typeSection } from './section.ts'

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url))

export async function benchTypes({ smoke }: { readonly smoke: boolean }): Promise<void> {
  build()
  const rounds = smoke ? 1 : 5
  const results: TypeResults = {
    command: 'npm run bench -- types',
    conditions: conditions(),
    servers: await versions(),
    rounds,
    collections: await measureCollections(smoke ? 100 : 1),
    commands: await measureCommands(smoke, rounds),
  }
  console.log(typeSection(results))
  if (smoke) return
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(`${RESULTS}types.json`, `${JSON.stringify(results, null, 2)}\n`)
}

async function versions(): Promise<TypeResults['servers']> {
  const servers = [await startErinys({ maxBytes: '64mb' }), await startRedis('redis-server')]
  const found = servers.flatMap((server) => (server === undefined ? [] : [server]))
  await Promise.all(found.map((server) => server.stop()))
  return found.map(({ name, version }) => ({ name, version }))
}
