// A node that clients keep busy is not declared dead, and its entries stay.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { agree } from '../../cluster/processes/members.ts'
import { Members } from '../../support/node-process.ts'
import { poll } from '../../support/poll.ts'
import { RespClient } from '../../support/resp-client.ts'

const CLIENTS = 20
const KEYS = 3000
/** Bytes of requests in one write. */
const BLOCK_BYTES = 16_384
/** Two timeouts of the cluster (2 s by default), and more: a node that is silent for one of them is declared dead. */
const FLOOD_MS = 5000
const DEATH = /dropped|dead|silent|took over/

let members: Members
const flooding: Socket[] = []
afterEach(async () => {
  for (const socket of flooding.splice(0)) socket.destroy()
  await members.end()
})

/** Sends a request without an end, and reads every reply. */
async function flood(port: number, request: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  flooding.push(socket)
  await once(socket, 'connect')
  const block = request.repeat(Math.ceil(BLOCK_BYTES / request.length))
  const send = (): void => {
    while (!socket.destroyed && socket.write(block));
  }
  socket.on('error', () => undefined)
  socket.on('data', () => undefined)
  socket.on('drain', send)
  send()
}

/** Asks again as soon as a reply has arrived: KEYS of many keys. */
async function ask(port: number, request: string): Promise<void> {
  const client = await RespClient.connect(port)
  flooding.push(client.socket)
  while (!client.socket.destroyed) {
    client.send(request)
    if ((await client.next()) === undefined) return
  }
}

test('floods of PING and KEYS at one of three nodes lose no keys', async () => {
  members = await Members.start(3, { args: ['--maxmemory', '64mb'] })
  const { nodes } = members
  await agree(nodes)
  const [busy, other] = nodes
  const reader = await RespClient.connect(other.port)
  const keys = Array.from({ length: KEYS }, (_, i) => `keep:${i}`)
  await reader.pipeline(...keys.map((key) => ['SET', key, 'x']))
  for (let i = 0; i < CLIENTS; i++) await flood(busy.port, 'PING\r\n')
  for (let i = 0; i < 2; i++) void ask(busy.port, 'KEYS *\r\n')
  const ends = performance.now() + FLOOD_MS
  await poll(async () => {
    expect(await reader.call('GET', 'keep:1')).toBe('x')
    return performance.now() > ends
  }, 'the end of the floods')
  for (const socket of flooding) socket.destroy()
  expect(await reader.pipeline(...keys.map((key) => ['GET', key]))).toEqual(keys.map(() => 'x'))
  for (const { log } of nodes) expect(log).not.toMatch(DEATH)
  reader.socket.destroy()
})
