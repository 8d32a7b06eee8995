// Clients by TLS: who is let in, what the log says about the others, and what a handshake may cost.

import { once } from 'node:events'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ServerSettings } from '../../src/server/settings.ts'
import { Authority, type CertificateOptions, TlsFolder } from '../support/authority.ts'
import { poll } from '../support/poll.ts'
import { type Peer, TestServer } from '../support/server.ts'

const authority = new Authority()
const stranger = new Authority('a CA that nobody knows')
const INFO_CLIENTS = 'INFO tls\r\n'

let folder: TlsFolder
let running: TestServer

beforeEach(() => {
  folder = new TlsFolder()
})

afterEach(async () => {
  await running.stop()
  folder.remove()
})

async function start(settings: Partial<ServerSettings> = {}): Promise<TestServer> {
  const { cert, key } = folder.put('node', authority.issue())
  running = await TestServer.start({
    settings: {
      tlsCertFile: cert,
      tlsKeyFile: key,
      tlsCaCertFile: folder.write('ca.crt', authority.cert),
      tlsAuthClients: 'no',
      ...settings,
    },
  })
  return running
}

/** The options of a client that shows a certificate. */
function showing(options: CertificateOptions = {}, by = authority): ConnectionOptions {
  return { ca: authority.cert, ...by.issue(options) }
}

const plain: ConnectionOptions = { ca: authority.cert }

/** The next warning. */
async function warning(): Promise<string> {
  return (await poll(() => running.log.shift(), 'a line of the log'))!.message
}

/** Fails to connect, or is closed right after its handshake, which is how TLS 1.3 refuses a certificate. */
async function refused(options: ConnectionOptions): Promise<void> {
  let peer: Peer
  try {
    peer = await running.connectTls(options)
  } catch {
    return
  }
  peer.send('PING\r\n')
  expect(await peer.rest()).toBe('')
}

async function info(peer: Peer, field: string): Promise<string> {
  peer.send(INFO_CLIENTS)
  const head = await peer.receive(1)
  expect(head).toBe('$')
  let digits = ''
  for (let next = await peer.receive(1); next !== '\r'; next = await peer.receive(1)) digits += next
  const text = (await peer.receive(Number(digits) + 3)).slice(1)
  return new RegExp(`^${field}:(.*)\r$`, 'm').exec(text)?.[1] ?? ''
}

describe('a client', () => {
  test('is served as without TLS', async () => {
    await start()
    const peer = await running.connectTls(plain)
    await peer.exchange('SET Tom 630\r\nGET Tom\r\n', '+OK\r\n$3\r\n630\r\n')
    const other = await running.connect()
    await other.exchange('GET Tom\r\n', '$3\r\n630\r\n')
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'with %s gets large values and long pipelines whole',
    async (version) => {
      await start()
      const peer = await running.connectTls({ ...plain, minVersion: version, maxVersion: version })
      const value = Buffer.alloc(3_000_000, 'value ')
      peer.send(`*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$${value.length}\r\n`)
      peer.send(value)
      peer.send('\r\n')
      expect(await peer.receive(5)).toBe('+OK\r\n')
      const count = 20
      peer.send('GET big\r\n'.repeat(count))
      const reply = `$${value.length}\r\n${value.toString()}\r\n`
      for (let i = 0; i < count; i++) expect((await peer.receive(reply.length)) === reply).toBe(true)
      peer.send('PING\r\n'.repeat(10_000))
      expect(await peer.receive(70_000)).toBe('+PONG\r\n'.repeat(10_000))
    },
  )

  test('that closes its end gets the replies to what it has sent', async () => {
    await start()
    const peer = await running.connectTls(plain)
    peer.socket.end('PING\r\nPING\r\n')
    expect(await peer.rest()).toBe('+PONG\r\n+PONG\r\n')
  })

  test('sees the certificate, and refuses one of another name', async () => {
    await start()
    await expect(running.connectTls({ ...plain, servername: 'example.org' })).rejects.toThrow(/altnames/)
  })

  test('may lack a common version, which is logged', async () => {
    await start({ tlsProtocols: 'TLSv1.3' })
    await refused({ ...plain, maxVersion: 'TLSv1.2' })
    expect(await warning()).toBe(
      'the TLS handshake of a client failed: it has no version of TLS in common with this node',
    )
  })

  test('may lack a common cipher, which is logged', async () => {
    await start({ tlsProtocols: 'TLSv1.2', tlsCiphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' })
    await refused({ ...plain, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })
    expect(await warning()).toContain('it has no cipher in common with this node')
  })

  test('is in INFO', async () => {
    await start()
    const peer = await running.connectTls(plain)
    expect(await info(peer, 'tls_connections')).toBe('1')
    expect(await info(peer, 'tls_handshakes')).toBe('1')
    expect(Number(await info(peer, 'tls_server_cert_expires_in_seconds'))).toBeGreaterThan(0)
  })
})

describe('client certificates', () => {
  test('are required with yes', async () => {
    await start({ tlsAuthClients: 'yes' })
    const peer = await running.connectTls(showing())
    await peer.exchange('PING\r\n', '+PONG\r\n')
    await refused(plain)
    expect(await warning()).toBe('the TLS handshake of a client failed: it shows no certificate')
    await refused(showing({}, stranger))
    expect(await warning()).toContain('its certificate is issued by a CA that this node does not know')
    await refused(showing({ from: -3, to: -1 }))
    expect(await warning()).toContain('its certificate has expired')
    await refused(showing({ from: 1 }))
    expect(await warning()).toContain('its certificate is not valid yet')
    await refused(showing({ uses: ['server'] }))
    expect(await warning()).toContain('its certificate is not for this use')
    await peer.exchange('PING\r\n', '+PONG\r\n')
    expect(await info(peer, 'tls_handshake_failures')).toBe('5')
  })

  test('that are refused are logged with the address of their client', async () => {
    await start({ tlsAuthClients: 'yes' })
    await refused(showing({ from: -3, to: -1 }))
    const line = await poll(() => running.log.shift(), 'a line of the log')
    expect(line?.fields).toMatchObject({ address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) })
  })

  test('may be missing with optional, but not be wrong', async () => {
    await start({ tlsAuthClients: 'optional' })
    for (const options of [plain, showing()]) {
      const peer = await running.connectTls(options)
      await peer.exchange('PING\r\n', '+PONG\r\n')
    }
    await refused(showing({}, stranger))
    expect(await warning()).toContain('its certificate is issued by a CA that this node does not know')
  })

  test('are not asked for with no', async () => {
    await start()
    const peer = await running.connectTls(showing({}, stranger))
    await peer.exchange('PING\r\n', '+PONG\r\n')
  })

  test('log the default user in with tls-auth-clients-user CN', async () => {
    await start({ tlsAuthClients: 'optional', tlsAuthClientsUser: 'CN', requirepass: 'secret' })
    const peer = await running.connectTls(showing({ commonName: 'default' }))
    await peer.exchange('PING\r\n', '+PONG\r\n')
    const nobody = await running.connectTls(showing({ commonName: 'nobody' }))
    expect(await warning()).toBe('a client is not logged in by its certificate: there is no user "nobody"')
    await nobody.exchange('PING\r\n', '-NOAUTH Authentication required.\r\n')
    await nobody.exchange('AUTH secret\r\n', '+OK\r\n')
    const without = await running.connectTls(plain)
    await without.exchange('PING\r\n', '-NOAUTH Authentication required.\r\n')
  })

  test('do not log in a client whose certificate no CA of the node has issued', async () => {
    await start({ tlsAuthClients: 'no', tlsAuthClientsUser: 'CN', tlsCluster: true, requirepass: 'secret' })
    const peer = await running.connectTls(showing({ commonName: 'default' }, stranger))
    await peer.exchange('PING\r\n', '-NOAUTH Authentication required.\r\n')
  })
})

describe('the wrong protocol', () => {
  test('RESP to the port for TLS is closed and logged', async () => {
    await start()
    const peer = await running.connectRaw(running.tlsPort)
    peer.send('*1\r\n$4\r\nPING\r\n')
    await peer.rest()
    expect(await warning()).toBe('the TLS handshake of a client failed: it does not speak TLS')
  })

  test('HTTP to the port for TLS is closed and logged', async () => {
    await start()
    const peer = await running.connectRaw(running.tlsPort)
    peer.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await peer.rest()
    expect(await warning()).toContain('it sends HTTP without TLS')
  })

  test('TLS to the port without it is closed and logged', async () => {
    await start()
    await expect(running.connectTls({ ...plain, port: running.port })).rejects.toThrow()
    expect(await warning()).toBe('a client was closed on the port without TLS: it speaks TLS')
    const peer = await running.connect()
    await peer.exchange('PING\r\n', '+PONG\r\n')
  })

  test('arbitrary bytes to the port for TLS end no more than their connection', async () => {
    await start()
    const witness = await running.connectTls(plain)
    for (const bytes of ['\x16\x03\x01', '\x16\x03\x01\xff\xff', '\x00'.repeat(100), '\xff'.repeat(70_000)]) {
      const peer = await running.connectRaw(running.tlsPort)
      peer.send(bytes)
      peer.socket.end()
      await peer.rest()
    }
    await witness.exchange('PING\r\n', '+PONG\r\n')
    await poll(async () => (await info(witness, 'tls_handshakes_pending')) === '0', 'no handshake under way')
  })
})

describe('handshakes that are not finished', () => {
  test('are ended after the timeout, and logged', async () => {
    await start({ tlsHandshakeTimeout: 50 })
    const peer = await running.connectRaw(running.tlsPort)
    await peer.rest()
    expect(await warning()).toBe(
      'the TLS handshake of a client failed: it does not finish the handshake in time',
    )
  })

  test('count as clients', async () => {
    await start({ maxclients: 2 })
    const witness = await running.connectTls(plain)
    await running.connectRaw(running.tlsPort)
    await poll(async () => (await info(witness, 'tls_handshakes_pending')) === '1', 'a handshake under way')
    const third = await running.connectRaw(running.tlsPort)
    expect(await third.rest()).toBe('')
    const fourth = await running.connect()
    expect(await fourth.rest()).toBe('-ERR max number of clients reached\r\n')
    await witness.exchange('PING\r\n', '+PONG\r\n')
  })

  test('free their place when the client goes', async () => {
    await start({ maxclients: 2 })
    const witness = await running.connectTls(plain)
    for (let i = 0; i < 5; i++) {
      const peer = await running.connectRaw(running.tlsPort)
      await poll(async () => (await info(witness, 'tls_handshakes_pending')) === '1', 'a handshake under way')
      peer.socket.destroy()
      await poll(
        async () => (await info(witness, 'tls_handshakes_pending')) === '0',
        'no handshake under way',
      )
    }
    const peer = await running.connectTls(plain)
    await peer.exchange('PING\r\n', '+PONG\r\n')
  })

  test('in a flood do not delay connected clients, and are logged once', async () => {
    await start()
    const witness = await running.connectTls(plain)
    const flood = await Promise.all(Array.from({ length: 200 }, () => running.connectRaw(running.tlsPort)))
    for (const peer of flood) peer.send('no TLS at all\r\n')
    await witness.exchange('PING\r\n', '+PONG\r\n')
    await Promise.all(flood.map((peer) => peer.rest()))
    expect(await info(witness, 'tls_handshake_failures')).toBe('200')
    expect(running.log).toHaveLength(1)
    const peer = await running.connectTls(plain)
    await peer.exchange('PING\r\n', '+PONG\r\n')
  })

  test('do not keep the server from closing', async () => {
    await start()
    const peer = await running.connectRaw(running.tlsPort)
    await poll(() => running.server.handshakes === 1, 'a handshake under way')
    await running.server.close(1000)
    await peer.rest()
  })
})

describe('certificates that are replaced', () => {
  /** The subject of the certificate that a new client sees. */
  async function seen(options = plain): Promise<string> {
    const peer = await running.connectTls({ ...options, checkServerIdentity: () => undefined })
    return (peer.socket as TLSSocket).getPeerCertificate().subject.CN as string
  }

  test('apply to new clients; connected clients stay', async () => {
    await start()
    const early = await running.connectTls(plain)
    folder.put('node', authority.issue({ commonName: 'second' }))
    expect(running.certificates?.reload()).toEqual([])
    expect(await seen()).toBe('second')
    await early.exchange('PING\r\n', '+PONG\r\n')
  })

  test('let a handshake that has begun go on', async () => {
    await start()
    const raw = await running.connectRaw(running.tlsPort)
    await poll(() => running.server.handshakes === 1, 'a handshake under way')
    folder.put('node', authority.issue({ commonName: 'second' }))
    running.certificates?.reload()
    const { connect } = await import('node:tls')
    const socket = connect({ ...plain, socket: raw.socket, host: '127.0.0.1' })
    await once(socket, 'secureConnect')
    socket.write('PING\r\n')
    const [reply] = await once(socket, 'data')
    expect(String(reply)).toBe('+PONG\r\n')
  })

  test('refuse a client with a session by a CA that is no longer trusted', async () => {
    await start({ tlsAuthClients: 'yes' })
    const client = showing()
    const peer = await running.connectTls(client)
    const [session] = (await once(peer.socket, 'session')) as [Buffer]
    const again = await running.connectTls({ ...client, session })
    await again.exchange('PING\r\n', '+PONG\r\n')
    expect((again.socket as TLSSocket).isSessionReused()).toBe(true)
    const next = new Authority('the next CA')
    folder.write('ca.crt', next.cert)
    expect(running.certificates?.reload()).toEqual([])
    await refused({ ...client, session })
    const welcome = await running.connectTls({ ca: authority.cert, ...next.issue() })
    await welcome.exchange('PING\r\n', '+PONG\r\n')
  })
})

describe('CONFIG', () => {
  const OK = '+OK\r\n'

  test('changes certificate and key together, and what is wanted of clients', async () => {
    await start()
    const { cert, key } = folder.put('other', authority.issue({ commonName: 'second' }))
    const peer = await running.connect()
    await peer.exchange(
      `CONFIG SET tls-cert-file ${cert}\r\n`,
      `-ERR CONFIG SET failed (possibly related to argument 'tls-cert-file') - tls-key-file: ` +
        `${folder.file('node.key')}: it is not the key of the first certificate in ${cert}\r\n`,
    )
    await peer.exchange(`CONFIG SET tls-cert-file ${cert} tls-key-file ${key}\r\n`, OK)
    await peer.exchange(
      'CONFIG GET tls-cert-file\r\n',
      `*2\r\n$13\r\ntls-cert-file\r\n$${cert.length}\r\n${cert}\r\n`,
    )
    await peer.exchange('CONFIG SET tls-auth-clients yes\r\n', OK)
    await refused(plain)
    await peer.exchange('CONFIG SET tls-auth-clients optional\r\n', OK)
    const other = await running.connectTls(plain)
    await other.exchange('PING\r\n', '+PONG\r\n')
  })

  test('refuses invalid values with the errors of Redis', async () => {
    await start()
    const peer = await running.connect()
    const failed = (name: string, why: string): string =>
      `-ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}\r\n`
    await peer.exchange(
      'CONFIG SET tls-auth-clients maybe\r\n',
      failed('tls-auth-clients', 'argument(s) must be one of the following: no, yes, optional'),
    )
    await peer.exchange('CONFIG SET tls-port 1\r\n', failed('tls-port', "can't set immutable config"))
    await peer.exchange(
      'CONFIG SET tls-ciphers NO-SUCH-CIPHER\r\n',
      failed(
        'tls-ciphers',
        'tls-ciphers: got names that OpenSSL does not know, wants those of `openssl ciphers`',
      ),
    )
    // Nothing of a command that fails is used.
    await peer.exchange(
      'CONFIG SET timeout 7 tls-protocols SSLv3\r\n',
      failed('tls-protocols', 'argument must be TLSv1.2, TLSv1.3 or both, separated by a space'),
    )
    await peer.exchange('CONFIG GET timeout\r\n', '*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n')
  })

  test('shows no passphrase', async () => {
    const { cert, key } = folder.put('secret', authority.issue({ pass: 'open sesame' }))
    await start({ tlsCertFile: cert, tlsKeyFile: key, tlsKeyFilePass: 'open sesame' })
    const peer = await running.connect()
    await peer.exchange(
      'CONFIG GET tls-key-file-pass\r\n',
      '*2\r\n$17\r\ntls-key-file-pass\r\n$14\r\nset, not shown\r\n',
    )
  })
})
