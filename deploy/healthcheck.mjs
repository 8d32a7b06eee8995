// Whether the node in this container is alive: it answers a PING, with or without a password. With a path (/readyz) whether
// HTTP answers that with 200. Exits with 0 or 1. Where to ask, and by which TLS, is in the variables of the node.

import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { request as requestByTls } from 'node:https'
import { connect } from 'node:net'
import { connect as connectByTls } from 'node:tls'

const TIMEOUT_MS = 2500
const HOST = '127.0.0.1'

const { env } = process
const [path] = process.argv.slice(2)
let port = 0

if (path === undefined) ping()
else get(path)

function ping() {
  const plain = portOf('ERINYS_PORT') ?? 7000
  const byTls = plain === 0
  port = byTls ? (portOf('ERINYS_TLS_PORT') ?? 0) : plain
  const options = { port, host: HOST, ...(byTls ? material() : {}) }
  const greet = () => socket.write('PING\r\n')
  const socket = byTls ? connectByTls(options, greet) : connect(options, greet)
  socket.setTimeout(TIMEOUT_MS, () => fail(`no answer within ${TIMEOUT_MS} ms`))
  socket.on('error', (error) => fail(error.message))
  socket.on('end', () => fail('the connection was closed'))
  socket.once('data', (reply) => {
    // An error is an answer too: NOAUTH without a password.
    if (/^[+-]/.test(reply.toString('latin1'))) process.exit(0)
    fail('the answer is not one of the Redis protocol')
  })
}

function get(path) {
  const byTls = /^(yes|true)$/i.test(env.ERINYS_HTTP_TLS ?? '')
  port = portOf('ERINYS_HTTP_PORT') ?? 7080
  const options = { port, host: HOST, path, timeout: TIMEOUT_MS, ...(byTls ? material() : {}) }
  const sent = (byTls ? requestByTls : request)(options, ({ statusCode }) => {
    if (statusCode === 200) process.exit(0)
    fail(`${path} answers ${statusCode}`)
  })
  sent.on('timeout', () => fail(`no answer within ${TIMEOUT_MS} ms`))
  sent.on('error', (error) => fail(error.message))
  sent.end()
}

/** Kubernetes sets ERINYS_PORT=tcp://… for a service called `erinys`. */
function portOf(name) {
  const text = env[name] ?? ''
  return /^\d+$/.test(text) ? Number(text) : undefined
}

/** The node's own certificate, where it wants one. Its name is not that of this address: nobody else listens here. */
function material() {
  const read = (name) => (env[name] ? readFileSync(env[name]) : undefined)
  return {
    rejectUnauthorized: false,
    cert: read('ERINYS_TLS_CERT_FILE'),
    key: read('ERINYS_TLS_KEY_FILE'),
    passphrase: env.ERINYS_TLS_KEY_FILE_PASS,
  }
}

function fail(reason) {
  console.error(`port ${port}: ${reason}`)
  process.exit(1)
}
