// Whether the node in this container is alive: it answers a PING, with or without a password. Exits with 0 or 1.

import { connect } from 'node:net'

const TIMEOUT_MS = 2500

// Kubernetes sets ERINYS_PORT=tcp://… for a service called `erinys`.
const { ERINYS_PORT = '' } = process.env
const port = /^\d+$/.test(ERINYS_PORT) ? Number(ERINYS_PORT) : 7000

const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'))
socket.setTimeout(TIMEOUT_MS, () => fail(`no answer within ${TIMEOUT_MS} ms`))
socket.on('error', (error) => fail(error.message))
socket.on('end', () => fail('the connection was closed'))
socket.once('data', (reply) => {
  // An error is an answer too: NOAUTH without a password.
  if (/^[+-]/.test(reply.toString('latin1'))) process.exit(0)
  fail('the answer is not one of the Redis protocol')
})

function fail(reason) {
  console.error(`port ${port}: ${reason}`)
  process.exit(1)
}
