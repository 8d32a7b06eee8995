// A node in this process on a free port, and its state as commands report it.

import { Redis } from 'ioredis'
import { type Config, createNode } from '../../src/index.ts'

/** A node that is listening. */
export interface TestNode {
  readonly port: number
  /** Warnings and errors of its log. */
  readonly warnings: readonly string[]
  /** Those that are not about a load that failed. */
  readonly unexpected: readonly string[]
  /** A client in the first group. */
  readonly watcher: Redis
  /** A field of GROUP INFO. */
  groupInfo(group: string, field: string): Promise<unknown>
  /** Resolves when `count` commands wait for the load of a key. */
  waiters(group: string, key: string, count: number): Promise<void>
  /** Resolves when `count` clients are connected, besides those of this object. */
  clients(count: number): Promise<void>
  close(): Promise<void>
}

const WATCHER = 'watcher'

export async function startNode(config: Config): Promise<TestNode> {
  const warnings: string[] = []
  const warn = (fields: object, message: string): void => {
    warnings.push(`${message} ${String((fields as { err?: Error }).err?.stack ?? '')}`)
  }
  const log = { info: () => undefined, warn, error: warn }
  const node = await createNode({ port: 0, bind: '127.0.0.1', ...config }, { log })
  const [{ port }] = await node.listen()
  const options = { password: config.requirepass, replyMapping: 'resp3', connectionName: WATCHER } as const
  const watcher = new Redis(port, { ...options, lazyConnect: true })
  /** For EXPLAIN in any group. */
  const explorer = new Redis(port, { ...options, lazyConnect: true })
  const explain = async (group: string, key: string): Promise<Record<string, unknown>> => {
    await explorer.select(group)
    return (await explorer.call('EXPLAIN', key)) as Record<string, unknown>
  }
  return {
    port,
    warnings,
    get unexpected() {
      return warnings.filter((warning) => !warning.includes(': a load failed: '))
    },
    watcher,
    async groupInfo(group, field) {
      return ((await watcher.call('GROUP', 'INFO', group)) as Record<string, unknown>)[field]
    },
    async waiters(group, key, count) {
      while ((await explain(group, key)).waiters !== count);
    },
    async clients(count) {
      while (
        String(await watcher.client('LIST'))
          .trimEnd()
          .split('\n').length !==
        count + 1
      );
    },
    async close() {
      watcher.disconnect()
      explorer.disconnect()
      await node.close()
    },
  }
}
