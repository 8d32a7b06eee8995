// A node that may open few files (`ulimit -n`): each connection is served or refused in words.

import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type Running, start } from '../../support/cli.ts'
import { compiledProgram } from '../../support/compiled.ts'

const LIMIT = 256
/** More than files. */
const CLIENTS = 2 * LIMIT
const REFUSED = '-ERR max number of clients reached\r\n'

let node: Running | undefined
afterEach(() => node?.child.kill('SIGKILL'))

/** The first bytes that the node sends; '': it has closed the connection without a word. */
async function firstWords(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  // The connection stays open.
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write('PING\r\n')
  return new Promise((resolve) => {
    socket.once('data', (bytes) => resolve(bytes.toString('latin1')))
    socket.once('close', () => resolve(''))
  })
}

test('of more clients than files, none is closed without a word', async () => {
  const limited = ['/bin/sh', '-c', `ulimit -n ${LIMIT}; exec "$0" "$@"`, ...compiledProgram()]
  node = await start([], { program: limited as [string, ...string[]] })
  const { port } = node
  const words: string[] = []
  for (let i = 0; i < CLIENTS; i++) words.push(await firstWords(port))
  const served = words.filter((word) => word === '+PONG\r\n').length
  expect(served).toBe(LIMIT - 64)
  expect(words.filter((word) => word === REFUSED)).toHaveLength(CLIENTS - served)
  expect(node.log()).toContain(`maxclients is ${served} instead of 10000`)
})
