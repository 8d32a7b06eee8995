// A node with TLS: the addresses that it reports, and a reload of its configuration.

import { get, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Config, createNode, type Node } from '../../src/index.ts'
import { Authority, TlsFolder } from '../support/authority.ts'
import { received } from '../support/http.ts'
import { freePorts } from '../support/ports.ts'
import { Peer } from '../support/server.ts'

const authority = new Authority()
let folder: TlsFolder
let port: number
let config: Config

beforeEach(async () => {
  folder = new TlsFolder()
  ;[port] = await freePorts(1)
  const { cert, key } = folder.put('node', authority.issue({ commonName: 'first' }))
  config = {
    port: 0,
    tlsPort: port,
    bind: '127.0.0.1',
    tlsCertFile: cert,
    tlsKeyFile: key,
    tlsAuthClients: 'no',
    // Only a reload looks at the files.
    tlsAutoReloadInterval: 0,
    unixsocket: join(folder.path, 'erinys.sock'),
    unixsocketperm: '700',
    groups: { cache: {} },
  }
})

afterEach(() => folder.remove())

async function start(more: Config = {}): Promise<Node> {
  const node = await createNode({ ...config, ...more })
  onTestFinished(() => node.close())
  return node
}

/** The common name of the certificate that a new client sees. */
async function seen(): Promise<string> {
  const client = new Redis(port, '127.0.0.1', { tls: { ca: authority.cert }, lazyConnect: true })
  onTestFinished(() => client.disconnect())
  await client.connect()
  return (client.stream as TLSSocket).getPeerCertificate().subject.CN as string
}

test('it says where it listens', async () => {
  const node = await start()
  expect(await node.listen()).toEqual([
    { host: '127.0.0.1', port, tls: true },
    { host: config.unixsocket, port: 0 },
  ])
  const client = new Redis(config.unixsocket as string)
  onTestFinished(() => client.disconnect())
  const info = await client.info('server')
  expect(info).toContain(`tcp_port:${port}\r\n`)
  expect(info).toContain(`listener0:name=tls,bind=127.0.0.1,port=${port}\r\n`)
  expect(info).toContain(`listener1:name=unix,bind=${config.unixsocket}\r\n`)
})

test('it does not start with files that it cannot use', async () => {
  const cert = folder.write('node.crt', 'no certificate')
  await expect(createNode(config)).rejects.toThrow(
    `tls-cert-file: ${cert}: there is no certificate in it, wants PEM`,
  )
})

describe('HTTPS', () => {
  /** GET /healthz; resolves to the status and the common name of the server's certificate. */
  function ask(httpPort: number, options: RequestOptions = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const at = { host: '127.0.0.1', port: httpPort, path: '/healthz', ca: authority.cert, agent: false }
      const request = get({ ...at, ...options }, (response) => {
        response.resume()
        const { CN } = (response.socket as TLSSocket).getPeerCertificate().subject
        resolve(`${response.statusCode} ${CN}`)
      })
      request.on('error', reject)
    })
  }

  const http = { port: 'any', bind: '127.0.0.1', tls: true } as const

  test('serves with the certificates of the node, also with new ones', async () => {
    const node = await start({ http })
    await node.listen()
    const [{ port: httpPort }] = node.httpAddresses
    expect(await ask(httpPort)).toBe('200 first')
    folder.put('node', authority.issue({ commonName: 'second' }))
    await node.reload({ ...config, http })
    expect(await ask(httpPort)).toBe('200 second')
  })

  test('a connection serves reads and writes', async () => {
    const node = await start({ http })
    await node.listen()
    const [{ port: httpPort }] = node.httpAddresses
    const socket = connect({ host: '127.0.0.1', port: httpPort, ca: authority.cert })
    onTestFinished(() => void socket.destroy())
    const read = 'GET /cache/cache/k HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const write = 'PUT /cache/cache/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n<v>'
    socket.write(read)
    const absent = await received(socket, (text) => text.endsWith('}\n'))
    socket.write(write + read)
    const rest = await received(socket, (text) => text.endsWith('<v>'))
    expect([...(absent + rest).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      '404',
      '204',
      '200',
    ])
  })

  test('needs no port for TLS, and wants certificates of clients as the node does', async () => {
    const tlsCaCertFile = folder.write('ca.crt', authority.cert)
    const node = await start({ http, tlsPort: 0, tlsAuthClients: 'yes', tlsCaCertFile })
    await node.listen()
    const [{ port: httpPort }] = node.httpAddresses
    await expect(ask(httpPort)).rejects.toThrow()
    expect(await ask(httpPort, authority.issue())).toBe('200 first')
  })

  test('closes HTTP without TLS, and logs it', async () => {
    const warnings: string[] = []
    const warn = (_fields: object, message: string): void => {
      warnings.push(message)
    }
    const log = { info: () => undefined, warn, error: warn }
    const node = await createNode({ ...config, http }, { log })
    onTestFinished(() => node.close())
    await node.listen()
    const peer = await Peer.connect(node.httpAddresses[0].port)
    peer.send('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    expect(await peer.rest()).not.toContain('200')
    expect(warnings).toEqual(['the TLS handshake of a client failed: it sends HTTP without TLS'])
  })
})

describe('a reload', () => {
  test('takes over changed files and settings', async () => {
    const node = await start()
    await node.listen()
    folder.put('node', authority.issue({ commonName: 'second' }))
    expect(await seen()).toBe('first')
    expect(await node.reload(config)).toEqual(['certificates of TLS: replaced by those in the files'])
    expect(await seen()).toBe('second')
    expect(await node.reload(config)).toEqual([])
    expect(await node.reload({ ...config, tlsProtocols: 'TLSv1.2' })).toEqual([
      'tls-protocols: TLSv1.2 TLSv1.3 -> TLSv1.2',
    ])
    const client = new Redis(port, '127.0.0.1', {
      tls: { ca: authority.cert, minVersion: 'TLSv1.3' },
      lazyConnect: true,
      retryStrategy: null,
    })
    client.on('error', () => undefined)
    await expect(client.connect()).rejects.toThrow()
  })

  test('with files that cannot be used changes nothing', async () => {
    const node = await start()
    await node.listen()
    const cert = folder.write('node.crt', 'no certificate')
    await expect(node.reload({ ...config, maxclients: 7 })).rejects.toThrow(
      `tls-cert-file: ${cert}: there is no certificate in it, wants PEM`,
    )
    expect(await seen()).toBe('first')
  })

  test('says what takes a restart', async () => {
    const node = await start()
    await node.listen()
    const [other] = await freePorts(1)
    expect(await node.reload({ ...config, tlsPort: other })).toEqual([
      `tls-port: ${port} -> ${other} (needs a restart)`,
    ])
  })
})
