// HTTPS: whose connections are refused, what the log says about them, and what a handshake may cost.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Config, createNode } from '../../src/index.ts'
import { Authority, type CertificateOptions, TlsFolder } from '../support/authority.ts'
import { closed, exchangeBytes, open } from '../support/http.ts'
import { poll } from '../support/poll.ts'

const authority = new Authority()
const stranger = new Authority('a CA that nobody knows')
const GET = 'GET /cache/g/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
/** The beginning of a ClientHello. */
const HELLO = Buffer.from('16030100c8010000c40303', 'hex')

interface Line {
  readonly message: string
  readonly address?: string
}

interface Running {
  readonly port: number
  readonly lines: readonly Line[]
  reload(): Promise<unknown>
}

let folder: TlsFolder

beforeEach(() => {
  folder = new TlsFolder()
})

afterEach(() => folder.remove())

async function start(config: Config = {}, isSecure = true): Promise<Running> {
  const { cert, key } = folder.put('node', authority.issue())
  const lines: Line[] = []
  const add = (fields: object, message: string): void => {
    lines.push({ ...fields, message })
  }
  const whole: Config = {
    port: 0,
    bind: '127.0.0.1',
    shutdownTimeout: 200,
    groups: { g: { origin: (key: string) => `value of ${key}` } },
    tlsCertFile: cert,
    tlsKeyFile: key,
    tlsCaCertFile: folder.write('ca.crt', authority.cert),
    tlsAuthClients: 'no',
    http: { port: 'any', bind: '127.0.0.1', tls: isSecure },
    ...config,
  }
  const node = await createNode(whole, { log: { info: () => undefined, warn: add, error: add } })
  onTestFinished(() => node.close())
  await node.listen()
  return { port: node.httpAddresses[0].port, lines, reload: () => node.reload(whole) }
}

async function secured(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca: authority.cert, ...options })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  socket.on('error', () => undefined)
  return socket
}

/** The response to a GET; empty: the connection was refused. */
async function get(port: number, options: ConnectionOptions = {}): Promise<string> {
  try {
    return await responseOn(await secured(port, options))
  } catch {
    return ''
  }
}

async function responseOn(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8').on('data', (part) => {
    text += part
  })
  socket.write(GET)
  await closed(socket)
  return text
}

/** The options of a client that shows a certificate. */
function showing(options: CertificateOptions = {}, by = authority): ConnectionOptions {
  return by.issue(options)
}

async function lineOf({ lines }: Running, text: string): Promise<Line> {
  await poll(() => lines.some(({ message }) => message.includes(text)), `a line with: ${text}`)
  return lines.find(({ message }) => message.includes(text)) as Line
}

describe('client certificates', () => {
  test('that are required', async () => {
    const node = await start({ tlsAuthClients: 'yes' })
    expect(await get(node.port, showing())).toContain('value of a')
    expect(await get(node.port)).toBe('')
    expect(await lineOf(node, 'it shows no certificate')).toMatchObject({
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    })
  })

  test.each([
    ['it has expired', () => showing({ from: -10, to: -1 }), 'its certificate has expired'],
    ['it is not valid yet', () => showing({ from: 1, to: 10 }), 'its certificate is not valid yet'],
    ['of a CA that is not known', () => showing({}, stranger), 'issued by a CA that this node does not know'],
    ['for servers', () => showing({ uses: ['server'] }), 'is not for this use'],
  ])('are refused, with the reason and the address in the log: %s', async (_, client, reason) => {
    const node = await start({ tlsAuthClients: 'yes' })
    expect(await get(node.port, client())).toBe('')
    expect(await lineOf(node, reason)).toMatchObject({
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    })
  })

  test('of a CA that is withdrawn are refused, also with a session from before', async () => {
    const node = await start({ tlsAuthClients: 'yes' })
    const client = showing()
    const socket = await secured(node.port, client)
    const [session] = (await once(socket, 'session')) as [Buffer]
    const again = await secured(node.port, { ...client, session })
    expect(again.isSessionReused()).toBe(true)
    expect(await responseOn(again)).toContain('value of a')
    const next = new Authority('the next CA')
    folder.write('ca.crt', next.cert)
    await node.reload()
    expect(await get(node.port, { ...client, session })).toBe('')
    expect(await get(node.port, next.issue())).toContain('value of a')
    // That it was accepted stays true for the connection.
    expect(await responseOn(socket)).toContain('value of a')
  })
})

describe('the wrong protocol', () => {
  test('HTTP to the port of HTTPS is closed and logged', async () => {
    const node = await start()
    expect(await exchangeBytes(node.port, GET)).toBe('')
    await lineOf(node, 'it sends HTTP without TLS')
  })

  test('TLS to the port without it is closed and logged, rarely', async () => {
    const node = await start({}, false)
    for (let i = 0; i < 20; i++) {
      const socket = await open(node.port)
      socket.resume().write(HELLO)
      await closed(socket)
    }
    const line = await lineOf(node, 'it speaks HTTPS')
    expect(line).toMatchObject({ address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) })
    expect(node.lines.filter(({ message }) => message.includes('it speaks HTTPS'))).toHaveLength(1)
  })

  test('also behind a request', async () => {
    const node = await start({}, false)
    expect(
      await exchangeBytes(node.port, Buffer.concat([Buffer.from(GET.replace('close', 'keep-alive')), HELLO])),
    ).toContain('value of a')
    expect(node.lines).toEqual([])
  })
})

describe('handshakes', () => {
  test('of many that do not finish them are ended, and others are served meanwhile', async () => {
    const node = await start({ tlsHandshakeTimeout: 2000 })
    const halves = await Promise.all(Array.from({ length: 300 }, () => open(node.port)))
    for (const socket of halves) socket.resume().write(HELLO)
    expect(await get(node.port)).toContain('value of a')
    await Promise.all(halves.map(closed))
    await lineOf(node, 'it does not finish the handshake in time')
    expect(node.lines).toHaveLength(1)
  })

  test('beyond the limit of connections are refused', async () => {
    const node = await start({ http: { port: 'any', bind: '127.0.0.1', tls: true, maxConnections: 10 } })
    const halves = await Promise.all(Array.from({ length: 10 }, () => open(node.port)))
    for (const socket of halves) socket.write(HELLO)
    expect(await get(node.port)).toBe('')
    for (const socket of halves) socket.destroy()
    await poll(async () => (await get(node.port)).includes('value of a'), 'a free place')
  })

  test('of an old version are refused', async () => {
    const node = await start()
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    expect(await get(node.port, old)).toBe('')
    await lineOf(node, 'no version of TLS in common')
  })

  test('may name any host', async () => {
    const node = await start()
    const options = { servername: `${'a'.repeat(60)}.example`, checkServerIdentity: () => undefined }
    expect(await get(node.port, options)).toContain('value of a')
  })
})

describe('a certificate with the name of a user', () => {
  const users = {
    default: 'on >secret ~* &* +@all',
    reader: 'on nopass ~* &* -@all +fetch',
    off: 'off nopass ~* &* +@all',
  }
  const named = (commonName: string): ConnectionOptions => showing({ commonName })

  test('is its login, if the node says so', async () => {
    const node = await start({ tlsAuthClients: 'optional', tlsAuthClientsUser: 'CN', users })
    expect(await get(node.port, named('reader'))).toContain('value of a')
    expect(await get(node.port)).toContain('401 Unauthorized')
    expect(await get(node.port, named('off'))).toContain('401 Unauthorized')
    expect(await get(node.port, named('nobody'))).toContain('401 Unauthorized')
    expect(
      await lineOf(node, 'a client is not logged in by its certificate: there is no user "nobody"'),
    ).toMatchObject({
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    })
    expect(await get(node.port, named('x'.repeat(5000)))).toContain('401 Unauthorized')
    expect((await lineOf(node, 'no user "xxx')).message.length).toBeLessThan(200)
    // Also for requests that are not plain reads.
    const socket = await secured(node.port, named('reader'))
    socket.write('POST /cache/g HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n["b"]')
    socket.write('DELETE /cache/g/a HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const answers = await responseOn(socket)
    expect(answers).toContain('value of b')
    expect(answers).toContain('the user \\"reader\\" may not run DEL here')
    expect(answers).toContain('value of a')
  })

  test('is that of another user if credentials say so, and nobody is let in by wrong ones', async () => {
    const node = await start({ tlsAuthClients: 'yes', tlsAuthClientsUser: 'CN', users })
    const put = async (authorization: string): Promise<string> => {
      const socket = await secured(node.port, named('reader'))
      socket.write(
        `PUT /cache/g/b HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx`,
      )
      let text = ''
      socket.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      await closed(socket)
      return text
    }
    expect(await put('Bearer secret')).toContain('204 No Content')
    expect(await put('Bearer wrong')).toContain('401 Unauthorized')
  })

  test('is none by default', async () => {
    const node = await start({ tlsAuthClients: 'yes', users })
    expect(await get(node.port, named('reader'))).toContain('401 Unauthorized')
  })
})
