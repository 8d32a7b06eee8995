// A node that may open few files (`ulimit -n`): each connection is served or refused in words.

import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type Running, run, start } from '../../support/cli.ts'
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

function limitedTo(files: number): [string, ...string[]] {
  return ['/bin/sh', '-c', `ulimit -n ${files}; exec "$0" "$@"`, ...compiledProgram()]
}

test('with more clients than files, no client is closed without an error', async () => {
  node = await start([], { program: limitedTo(LIMIT) })
  const { port } = node
  const words: string[] = []
  for (let i = 0; i < CLIENTS; i++) words.push(await firstWords(port))
  const served = words.filter((word) => word === '+PONG\r\n').length
  expect(served).toBe(LIMIT - 64)
  expect(words.filter((word) => word === REFUSED)).toHaveLength(CLIENTS - served)
  expect(node.log()).toContain(`maxclients is ${served} instead of 10000`)
})

// Modules were loaded hundreds at a time, which Node.js 20 does.
test.each([64, 128])('a node starts with %i files, and serves', async (limit) => {
  node = await start([], { program: limitedTo(limit) })
  const { port } = node
  const words: string[] = []
  for (let i = 0; i < limit; i++) words.push(await firstWords(port))
  const most = Math.max(2, limit - 64)
  expect(words.filter((word) => word === '+PONG\r\n')).toHaveLength(most)
  expect(words.filter((word) => word === REFUSED)).toHaveLength(limit - most)
})

test('a limit that is too low to start gives a one-line error', async () => {
  const { code, stdout, stderr } = await run(['start', '--port', '0'], { program: limitedTo(24) })
  expect(stderr).toBe(
    'erinys: too many open files: the limit of this process is too low to start; raise it, such as by `ulimit -n 1024`\n',
  )
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
})
