import { expect, test } from 'vitest'
import { bannerText, httpText, nodeAdvice } from '../../src/cli/banner.ts'
import { resolveLayers } from '../../src/config/config.ts'
import { version } from '../../src/config/version.ts'

test('the banner of the demo', () => {
  const loaded = { ...resolveLayers({ config: { maxmemory: '1gb' } }), file: undefined }
  const addresses = [
    { host: '127.0.0.1', port: 7001 },
    { host: '::1', port: 7001 },
  ]
  expect(bannerText(loaded, addresses).split('\n')).toEqual([
    `erinys ${version} on Node.js ${process.version}, no configuration file, defaults`,
    '',
    '  listening  127.0.0.1:7001, [::1]:7001',
    expect.stringMatching(/^ {2}groups {5}0 scores {2}64mb, origin demo/),
    '             1 cache   1gb, no origin',
    '  try        redis-cli -p 7001 GET Tom',
    '',
  ])
})

test('the banner of a member with a password', () => {
  const config = {
    requirepass: 'hush',
    bind: '10.0.0.1',
    groups: { users: { maxBytes: '1mb' } },
    cluster: { peers: '10.0.0.1:7000' },
  }
  const loaded = { ...resolveLayers({ config }), file: 'erinys.config.ts' }
  const text = bannerText(loaded, [{ host: '10.0.0.1', port: 7000 }])
  expect(text).toContain('erinys.config.ts')
  expect(text).toContain('  cluster    10.0.0.1:7000')
  expect(text).toContain('redis-cli -h 10.0.0.1 -p 7000 --askpass INFO groups')
  expect(text).not.toContain('hush')
})

test('the banner of a node with TLS and a Unix socket', () => {
  const config = { port: 0, tlsPort: 7001, tlsCaCertFile: '/etc/ca.crt', unixsocket: '/run/erinys.sock' }
  const loaded = { ...resolveLayers({ config }), file: undefined }
  const addresses = [
    { host: '127.0.0.1', port: 7001, tls: true },
    { host: '/run/erinys.sock', port: 0 },
  ]
  const text = bannerText(loaded, addresses)
  expect(text).toContain('  listening  127.0.0.1:7001 with TLS, /run/erinys.sock\n')
  expect(text).toContain(
    '  try        redis-cli -p 7001 --tls --cacert /etc/ca.crt --cert <file> --key <file> GET Tom\n',
  )
  expect(bannerText(loaded, addresses.slice(1))).toContain(
    '  try        redis-cli -s /run/erinys.sock GET Tom\n',
  )
})

test('on an old Node.js one line says that newer versions are faster', () => {
  expect(nodeAdvice('20.18.1')).toBe(
    'Node.js 20.18.1 works; newer ones are supported and faster: 24 and 26 need 15-25 % less CPU per command',
  )
  expect(nodeAdvice('22.0.0')).toBeUndefined()
  expect(nodeAdvice('26.1.0')).toBeUndefined()
})

test('HTTPS is named as such', () => {
  expect(httpText({ host: '10.0.0.1', port: 7080 })).toBe('http://10.0.0.1:7080')
  expect(httpText({ host: '::1', port: 7443, tls: true })).toBe('https://[::1]:7443')
})
