// Links between nodes by mutual TLS: nothing else is accepted or opened, and clients are told the port that is theirs.

import { once } from 'node:events'
import { createServer as createPlain, type Server } from 'node:net'
import { type ConnectionOptions, createServer as createTls, type TLSSocket } from 'node:tls'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { HandshakeClient } from '../../src/cluster/links/handshake.ts'
import { parseReplies } from '../../src/cluster/links/request.ts'
import { type Config, createNode } from '../../src/index.ts'
import { bindingOf } from '../../src/tls/session.ts'
import { Authority, type CertificateOptions, TlsFolder } from '../support/authority.ts'
import { ownersOf, startCluster, type TestCluster } from '../support/cluster.ts'
import { poll } from '../support/poll.ts'
import { freePorts } from '../support/ports.ts'
import { Peer } from '../support/server.ts'

const authority = new Authority()
const stranger = new Authority('a CA that nobody knows')
const SECRET = 'the secret of the cluster'

let folder: TlsFolder

beforeEach(() => {
  folder = new TlsFolder()
})

afterEach(() => folder.remove())

/** The settings of a node that uses TLS, with a certificate of its own. */
function tlsConfig(name: string, options: CertificateOptions = {}): Config {
  const { cert, key } = folder.put(name, authority.issue({ commonName: name, ...options }))
  return {
    tlsCertFile: cert,
    tlsKeyFile: key,
    tlsCaCertFile: folder.write('ca.crt', authority.cert),
    tlsAuthClients: 'no',
    tlsCluster: true,
  }
}

interface TlsCluster extends TestCluster {
  readonly plainPorts: readonly number[]
}

async function start(count: number, more: Parameters<typeof startCluster>[1] = {}): Promise<TlsCluster> {
  const ports = await freePorts(2 * count)
  const endpoints = Array.from({ length: count }, (_, i) => ({
    listens: ports[i],
    announced: ports[count + i],
  }))
  const cluster = await startCluster(endpoints, {
    ...more,
    each: (i) => ({ ...tlsConfig(`node-${i}`), tlsPort: endpoints[i].announced, ...more.each?.(i) }),
  })
  onTestFinished(() => cluster.close())
  return Object.assign(cluster, { plainPorts: endpoints.map(({ listens }) => listens) })
}

function client(port: number, byTls: boolean): Redis {
  const options = {
    lazyConnect: true,
    retryStrategy: null,
    ...(byTls ? { tls: { ca: authority.cert } } : {}),
  }
  const redis = new Redis(port, '127.0.0.1', options)
  onTestFinished(() => redis.disconnect())
  return redis
}

/** Text of an error that a promise rejects with. */
const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: Error) => error.message,
  )

describe('a cluster with tls-cluster', () => {
  test('answers for all keys at all nodes', async () => {
    const cluster = await start(3)
    const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`)
    const [first, second] = cluster.members
    for (const key of keys) await first.watcher.set(key, key)
    for (const key of keys) expect(await second.watcher.get(key)).toBe(key)
    expect(await cluster.forwarded()).toBeGreaterThan(50)
    const byTls = client(cluster.ports[2], true)
    expect(await byTls.mget(keys)).toEqual(keys)
    expect(cluster.warnings).toEqual([])
  })

  test('logs names of clients that are no users, but not those of nodes', async () => {
    const cluster = await start(2, { each: () => ({ tlsAuthClientsUser: 'CN' }) })
    await cluster.agreed()
    const redis = new Redis(cluster.ports[0], '127.0.0.1', {
      retryStrategy: null,
      tls: { ca: authority.cert, ...authority.issue({ commonName: 'nobody' }) },
    })
    onTestFinished(() => redis.disconnect())
    expect(await redis.ping()).toBe('PONG')
    const denied = (): readonly string[] =>
      cluster.warnings.filter((line) => line.includes('is not logged in by its certificate'))
    await poll(() => denied().length > 0, 'the line about the client')
    expect(denied()).toEqual([expect.stringContaining('there is no user \\"nobody\\"')])
  })

  test('tells each client the ports that it can use', async () => {
    const { ports, plainPorts } = await start(2)
    const [plain, byTls] = [client(plainPorts[0], false), client(ports[0], true)]
    for (const [redis, expected] of [
      [plain, plainPorts],
      [byTls, ports],
    ] as const) {
      const slots = await redis.cluster('SLOTS')
      expect([...new Set(slots.map(([, , [, port]]) => port))].sort()).toEqual([...expected].sort())
      const lines = String(await redis.cluster('NODES'))
        .trimEnd()
        .split('\n')
      expect(lines.map((line) => line.split(' ')[1]).sort()).toEqual(
        expected.map((port, i) => `127.0.0.1:${port}@${ports[i]}`).sort(),
      )
      const shards = (await redis.call('CLUSTER', 'SHARDS')) as [string, unknown, string, unknown[][]][]
      const told = shards.map(([, , , [node]]) => [
        node[node.indexOf('port') + 1],
        node[node.indexOf('tls-port') + 1],
      ])
      expect(told.sort()).toEqual(plainPorts.map((port, i) => [port, ports[i]]).sort())
    }
  })

  test('redirects each client to a port that it can use', async () => {
    const cluster = await start(2, { cluster: { redirect: 'moved' } })
    const { ports, plainPorts } = cluster
    const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`)
    const owners = await ownersOf(cluster.members[0], keys)
    const key = keys[owners.findIndex((port) => port === plainPorts[1])]
    expect(await failure(client(plainPorts[0], false).get(key))).toMatch(
      new RegExp(`^MOVED \\d+ 127\\.0\\.0\\.1:${plainPorts[1]}$`),
    )
    expect(await failure(client(ports[0], true).get(key))).toMatch(
      new RegExp(`^MOVED \\d+ 127\\.0\\.0\\.1:${ports[1]}$`),
    )
  })

  test('needs no port without TLS', async () => {
    const ports = await freePorts(2)
    const peers = ports.map((port) => `127.0.0.1:${port}`)
    const nodes = await Promise.all(
      ports.map(async (port, i) => {
        const node = await createNode({
          ...tlsConfig(`only-${i}`),
          port: 0,
          tlsPort: port,
          bind: '127.0.0.1',
          shutdownTimeout: 100,
          cluster: { peers, timeout: '30s', pingInterval: '500ms' },
        })
        onTestFinished(() => node.close())
        return { node, addresses: await node.listen() }
      }),
    )
    expect(nodes.map(({ addresses }) => addresses)).toEqual(
      ports.map((port) => [{ host: '127.0.0.1', port, tls: true }]),
    )
    const redis = client(ports[0], true)
    await poll(async () => /cluster_members:2\r/.test(await redis.info('cluster')), 'two members')
    await redis.set('Tom', '630')
    expect(await client(ports[1], true).get('Tom')).toBe('630')
    expect(await redis.info('server')).toContain(`tcp_port:${ports[0]}\r`)
  })

  test('continues while certificates are replaced, and with the new ones', async () => {
    const cluster = await start(3, { starts: 2, tlsAutoReloadInterval: 20 })
    const [first, second] = cluster.members
    await first.watcher.set('Tom', '630')
    for (const i of [0, 1]) {
      folder.put(`node-${i}`, authority.issue({ commonName: `new ${i}` }))
      const { watcher } = cluster.members[i]
      await poll(
        async () => /tls_cert_replacements:1\r/.test(await watcher.info('tls')),
        'the new certificate',
      )
      const redis = client(cluster.ports[i], true)
      await redis.connect()
      expect((redis.stream as TLSSocket).getPeerCertificate().subject.CN).toBe(`new ${i}`)
    }
    expect(await second.watcher.get('Tom')).toBe('630')
    // The links of the third node are made with the new certificates.
    const third = await cluster.start()
    await cluster.agreed()
    expect(await third.watcher.get('Tom')).toBe('630')
  })
})

/** A node of two, whose peer is somewhere else, and the lines of its log. */
async function startOne(
  peerPort: number,
  config: Config,
): Promise<{ readonly port: number; readonly tlsPort: number; readonly log: string[] }> {
  const [port, tlsPort] = await freePorts(2)
  const log: string[] = []
  const line = (fields: object, message: string): void => {
    log.push(`${message} ${JSON.stringify(fields)}`)
  }
  const node = await createNode(
    {
      port,
      tlsPort,
      bind: '127.0.0.1',
      shutdownTimeout: 0,
      ...config,
      cluster: {
        peers: [`127.0.0.1:${tlsPort}`, `127.0.0.1:${peerPort}`],
        secret: SECRET,
        timeout: '30s',
        pingInterval: '500ms',
      },
    },
    { log: { info: line, warn: line, error: line } },
  )
  // It waits for its peer until it is closed.
  const joined = node.listen().catch(() => undefined)
  onTestFinished(async () => {
    await node.close()
    await joined
  })
  return { port, tlsPort, log }
}

describe('a connection that claims to be a node', () => {
  const PEER = 'localhost:1'

  /** Shakes hands as a node does; returns the last reply. */
  async function shakeHands(peer: Peer, binding: string, name = PEER): Promise<string> {
    const handshake = new HandshakeClient({ name, runId: 'x', secret: SECRET })
    peer.send(handshake.start(binding))
    const challenge = await line(peer)
    if (challenge.startsWith('-')) return challenge
    const nonce = await line(peer)
    const step = handshake.receive(parseReplies(Buffer.from(`${challenge}\r\n${nonce}\r\n`))[0])
    peer.send(step as Buffer)
    return line(peer)
  }

  async function line(peer: Peer): Promise<string> {
    let text = ''
    while (!text.endsWith('\r\n')) text += await peer.receive(1)
    return text.slice(0, -2)
  }

  async function byTls(port: number, options: ConnectionOptions): Promise<Peer> {
    const peer = await poll(
      () =>
        Peer.connectTls({ host: '127.0.0.1', port, ca: authority.cert, ...options }).catch(() => undefined),
      'a connection',
    )
    onTestFinished(() => void peer?.socket.destroy())
    return peer!
  }

  const own = (peer: Peer): string => bindingOf(peer.socket as TLSSocket)

  test('must use TLS', async () => {
    const { port, log } = await startOne(1, tlsConfig('node'))
    const peer = (await poll(() => Peer.connect(port).catch(() => undefined), 'a connection'))!
    onTestFinished(() => void peer.socket.destroy())
    expect(await shakeHands(peer, '')).toBe('-NOPERM links between nodes use TLS only (tls-cluster yes)')
    expect(log.join('\n')).toContain(
      'a connection claims to be a node but does not use TLS (tls-cluster yes)',
    )
    peer.send('PING\r\n')
    expect(await line(peer)).not.toContain('NOPERM')
  })

  test('must show a certificate of the CA', async () => {
    const { tlsPort, log } = await startOne(1, tlsConfig('node'))
    const refused = '-NOPERM the certificate is not one of a node (tls-cluster-name)'
    for (const options of [{}, stranger.issue(), authority.issue({ from: -3, to: -1 })]) {
      const peer = await byTls(tlsPort, options)
      expect(await shakeHands(peer, own(peer))).toBe(refused)
    }
    expect(log.join('\n')).toContain('a connection claims to be a node but its certificate is missing')
    const peer = await byTls(tlsPort, authority.issue())
    expect(await shakeHands(peer, own(peer))).toBe('*3')
  })

  test('must know the secret on this very connection', async () => {
    const { tlsPort } = await startOne(1, tlsConfig('node'))
    const [peer, other] = [await byTls(tlsPort, authority.issue()), await byTls(tlsPort, authority.issue())]
    expect(own(peer)).not.toBe(own(other))
    // The proof of a node that has another connection, passed on.
    expect(await shakeHands(peer, own(other))).toBe('-NOPERM wrong cluster secret')
    expect(await shakeHands(other, '')).toBe('-NOPERM wrong cluster secret')
  })

  test('must have a certificate of the configured name', async () => {
    const { tlsPort, log } = await startOne(1, { ...tlsConfig('node'), tlsClusterName: 'nodes.example' })
    const wrong = await byTls(tlsPort, authority.issue({ names: ['clients.example'] }))
    expect(await shakeHands(wrong, own(wrong))).toContain('NOPERM the certificate')
    expect(log.join('\n')).toContain('its certificate is not valid for it (tls-cluster-name nodes.example)')
    const right = await byTls(tlsPort, authority.issue({ names: ['nodes.example'] }))
    expect(await shakeHands(right, own(right))).toBe('*3')
  })

  test('must have a certificate of its address, if that is configured', async () => {
    const { tlsPort } = await startOne(1, { ...tlsConfig('node'), tlsClusterName: 'address' })
    const peer = await byTls(tlsPort, authority.issue({ names: ['127.0.0.1', 'localhost'] }))
    expect(await shakeHands(peer, own(peer), '127.0.0.2:1')).toContain('NOPERM the certificate')
    for (const name of ['127.0.0.1:1', 'localhost:1']) {
      const member = await byTls(tlsPort, authority.issue({ names: ['127.0.0.1', 'localhost'] }))
      expect(await shakeHands(member, own(member), name)).toBe('*3')
    }
  })
})

describe('a peer that is connected to', () => {
  /** Listens as the peer; returns its port. */
  async function listen(server: Server): Promise<number> {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    return (server.address() as { port: number }).port
  }

  /** Why the node has no link to this server. */
  async function reason(server: Server, more: Config = {}): Promise<string> {
    const { log } = await startOne(await listen(server), { ...tlsConfig('node'), ...more })
    return (await poll(() => log.find((each) => each.startsWith('no link')), 'the reason'))!
  }

  const tls = (options: CertificateOptions, by = authority): Server =>
    createTls(by.issue(options), (socket) => socket.on('error', () => undefined)).on(
      'tlsClientError',
      () => undefined,
    )

  test('must have a certificate of the CA', async () => {
    expect(await reason(tls({}, stranger))).toContain(
      'its certificate is issued by a CA that this node does not know',
    )
  })

  test('must have one that has not expired', async () => {
    expect(await reason(tls({ from: -3, to: -1 }))).toContain('TLS: its certificate has expired')
  })

  test('must have one of the configured name', async () => {
    const server = tls({ names: ['clients.example'] })
    expect(await reason(server, { tlsClusterName: 'nodes.example' })).toContain(
      'TLS: its certificate has another name',
    )
  })

  test('must have one of its address, if that is configured', async () => {
    const server = tls({ names: ['127.0.0.2'] })
    expect(await reason(server, { tlsClusterName: 'address' })).toContain(
      'TLS: its certificate has another name',
    )
  })

  test('must speak TLS, and is sent nothing else', async () => {
    const received: Buffer[] = []
    const server = createPlain((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (chunk) => {
        received.push(chunk)
        socket.end('-ERR unknown command\r\n')
      })
    })
    expect(await reason(server)).toContain('TLS: it does not speak TLS')
    // A record of a TLS handshake.
    expect(received.map((chunk) => chunk[0])).toEqual(received.map(() => 0x16))
    expect(Buffer.concat(received).includes('PEER')).toBe(false)
  })

  test('asks for a certificate of this node, and gets it', async () => {
    const server = createTls({
      ...authority.issue(),
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
    })
    const secured = once(server, 'secureConnection')
    await startOne(await listen(server), tlsConfig('node'))
    const [socket] = (await secured) as [TLSSocket]
    expect(socket.getPeerCertificate().subject.CN).toBe('node')
    socket.destroy()
  })
})

test('a client certificate of its own is shown to other nodes', async () => {
  const link = folder.put('link', authority.issue({ commonName: 'link', uses: ['client'] }))
  const server = createTls({
    ...authority.issue(),
    ca: authority.cert,
    requestCert: true,
    rejectUnauthorized: true,
  })
  const secured = once(server, 'secureConnection')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  await startOne((server.address() as { port: number }).port, {
    ...tlsConfig('node', { uses: ['server'] }),
    tlsClientCertFile: link.cert,
    tlsClientKeyFile: link.key,
  })
  const [socket] = (await secured) as [TLSSocket]
  expect(socket.getPeerCertificate().subject.CN).toBe('link')
  socket.destroy()
})
