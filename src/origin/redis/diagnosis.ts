// Why a cluster of Redis does not answer.

import type { Redis } from 'ioredis'
import { isLasting } from './replies.ts'

/**
 * ioredis asks for the slots of a cluster on connections whose errors it drops, and says only that they were closed. So
 * each node is asked once more on a connection of its own.
 *
 * @param connect makes a client that is not connected yet and connects once
 * @returns a permanent error of a node if there is one, else another one; undefined if all nodes answer
 */
export async function reasonOf(connect: readonly (() => Redis)[]): Promise<unknown> {
  const errors = (await Promise.all(connect.map(errorOf))).filter((error) => error !== undefined)
  return errors.find(isLasting) ?? errors[0]
}

async function errorOf(connect: () => Redis): Promise<unknown> {
  const client = connect()
  let first: unknown
  client.on('error', (error) => {
    first ??= error
  })
  try {
    await client.connect()
    await client.call('CLUSTER', 'SLOTS')
    return undefined
  } catch (error) {
    return first ?? error
  } finally {
    client.disconnect()
  }
}
