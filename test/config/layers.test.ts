// The layers of a configuration: flags, variables, file, defaults.

import { describe, expect, test } from 'vitest'
import { kebabName } from '../../src/bytes/names.ts'
import { resolveConfig, resolveLayers } from '../../src/config/config.ts'
import { settingNames, variableName } from '../../src/config/settings.ts'
import { problems } from './problems.ts'

const MB = 2 ** 20

describe('layers', () => {
  test('flags win over variables, these over the file, and it over the defaults', () => {
    const config = { port: 1, hz: 20, maxclients: 30 }
    const variables = { ERINYS_PORT: '2', ERINYS_HZ: '21' }
    const { config: resolved, sources } = resolveLayers({
      config,
      source: 'erinys.config.json',
      variables,
      flags: { port: '3' },
    })
    expect(resolved).toMatchObject({ port: 3, hz: 21, maxclients: 30, slowlogMaxLen: 128 })
    expect([...sources]).toEqual([
      ['port', '--port'],
      ['maxclients', 'erinys.config.json'],
      ['hz', 'ERINYS_HZ'],
    ])
  })

  test('every setting can be set as text, by a variable and by a flag', () => {
    const texts: Record<string, string> = {
      port: '7001',
      bind: '127.0.0.2 -::1',
      tlsPort: '7002',
      tlsCertFile: 'node.crt',
      tlsKeyFile: 'node.key',
      tlsKeyFilePass: '1234',
      tlsClientCertFile: 'client.crt',
      tlsClientKeyFile: 'client.key',
      tlsClientKeyFilePass: '1234',
      tlsCaCertFile: 'ca.crt',
      tlsCaCertDir: 'cas',
      tlsAuthClients: 'optional',
      tlsAuthClientsUser: 'cn',
      tlsCluster: 'yes',
      tlsClusterName: 'address',
      tlsProtocols: 'TLSv1.3',
      tlsCiphers: 'HIGH',
      tlsCiphersuites: 'TLS_AES_128_GCM_SHA256',
      tlsPreferServerCiphers: 'yes',
      tlsHandshakeTimeout: '1s',
      tlsAutoReloadInterval: '5s',
      unixsocket: 'erinys.sock',
      unixsocketperm: '770',
      requirepass: '1234',
      protectedMode: 'no',
      aclfile: '/dev/null',
      acllogMaxLen: '5',
      aclPubsubDefault: 'allchannels',
      maxmemory: '1gb',
      overcommit: 'yes',
      shutdownTimeout: '1s',
      watchConfig: 'yes',
      loglevel: 'debug',
      maxclients: '5',
      timeout: '5m',
      tcpKeepalive: '60s',
      tcpBacklog: '5',
      protoMaxBulkLen: '1mb',
      hllSparseMaxBytes: '2kb',
      clientQueryBufferLimit: '1048576',
      clientOutputBufferLimit: 'normal 1 2 3',
      maxmemoryClients: '1gb',
      slowlogLogSlowerThan: '-1',
      slowlogOriginSlowerThan: '0',
      slowlogMaxLen: '5',
      latencyMonitorThreshold: '5',
      hz: '5',
    }
    expect(Object.keys(texts)).toEqual(settingNames)
    const variables = Object.fromEntries(settingNames.map((name) => [variableName(name), texts[name]]))
    const byVariable = resolveLayers({ variables }).config
    const byFlag = resolveLayers({ flags: texts }).config
    const defaults = resolveConfig({})
    for (const name of settingNames) {
      expect(byVariable[name], name).toEqual(byFlag[name])
      expect(byVariable[name], name).not.toEqual(defaults[name])
    }
    expect(byFlag.slowlogLogSlowerThan).toBe(-1)
    expect(byFlag.requirepass).toBe('1234')
  })

  test("names follow Redis's", () => {
    expect([kebabName('protoMaxBulkLen'), kebabName('requirepass')]).toEqual([
      'proto-max-bulk-len',
      'requirepass',
    ])
    expect(variableName('protoMaxBulkLen')).toBe('ERINYS_PROTO_MAX_BULK_LEN')
  })

  test('a list of addresses can come from one flag', () => {
    expect(resolveLayers({ flags: { bind: ['127.0.0.1', '::1'] } }).config.bind.length).toBe(2)
  })

  test('maxmemory from a flag is the budget of groups without maxBytes', () => {
    const config = { maxmemory: '1mb', groups: { a: {}, b: { maxBytes: '2mb' } } }
    const { groups } = resolveLayers({ config, flags: { maxmemory: '3mb' } }).config
    expect(groups.map(({ maxBytes }) => maxBytes)).toEqual([3 * MB, 2 * MB])
  })

  test('an empty variable is ignored', () => {
    expect(resolveLayers({ variables: { ERINYS_PORT: '', ERINYS_REQUIREPASS: '' } }).config.port).toBe(7000)
  })

  test('ERINYS_PORT that Kubernetes sets for a service called erinys is ignored', () => {
    expect(resolveLayers({ variables: { ERINYS_PORT: 'tcp://10.0.0.1:7000' } }).config.port).toBe(7000)
  })

  test('a misspelt variable is an error, an unrelated one is ignored', () => {
    expect(problems({ variables: { ERINYS_MAXMEMROY: '1gb' } })).toEqual([
      'ERINYS_MAXMEMROY: unknown variable, did you mean ERINYS_MAXMEMORY?',
    ])
    expect(
      problems({
        variables: { ERINYS_CONFIG: 'x', ERINYS_SERVICE_HOST: 'x', ERINYS_TEST_REQUIRE: 'redis', PROT: 'x' },
      }),
    ).toEqual([])
  })
})
