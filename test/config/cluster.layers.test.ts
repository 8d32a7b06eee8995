// The layers of the configuration of a cluster: flags, variables, file, defaults.

import { describe, expect, test } from 'vitest'
import { kebabName } from '../../src/bytes/names.ts'
import type { ClusterConfig } from '../../src/config/cluster.ts'
import { clusterSettingNames, clusterSettings } from '../../src/config/cluster-settings.ts'
import { type ConfigLayers, resolveLayers } from '../../src/config/config.ts'
import { settingNames, variableName } from '../../src/config/settings.ts'

const PEERS = ['127.0.0.1:7000', '127.0.0.1:7001']

describe('layers', () => {
  test('flags win over variables, and these over the file, field by field', () => {
    const { config, sources } = resolveLayers({
      source: 'erinys.config.json',
      config: { cluster: { peers: ['127.0.0.1:1'], links: 2, weight: 2, timeout: '1s' } },
      variables: { ERINYS_PEERS: '127.0.0.1:2', ERINYS_CLUSTER_LINKS: '3' },
      flags: { peers: ['127.0.0.1:3,127.0.0.1:4', '127.0.0.1:5'], clusterTimeout: '3s' },
    })
    expect(config.cluster).toMatchObject({
      membership: { kind: 'static', peers: ['127.0.0.1:3', '127.0.0.1:4', '127.0.0.1:5'] },
      links: 3,
      weight: 2,
      timeout: 3000,
      pingInterval: 750,
    })
    expect(Object.fromEntries(sources)).toEqual({
      peers: '--peers',
      clusterTimeout: '--cluster-timeout',
      clusterLinks: 'ERINYS_CLUSTER_LINKS',
      clusterWeight: 'erinys.config.json',
    })
  })

  test('another kind of membership replaces that of a lower layer', () => {
    const config = { cluster: { etcd: { endpoints: 'a:1', prefix: '/mine' } } }
    const kind = (layers: ConfigLayers): string | undefined =>
      resolveLayers({ config, ...layers }).config.cluster?.membership.kind
    expect(kind({})).toBe('etcd')
    expect(kind({ flags: { peers: PEERS } })).toBe('static')
    expect(kind({ variables: { ERINYS_DNS: 'cache.example.org' }, flags: {} })).toBe('dns')
    expect(kind({ variables: { ERINYS_DNS: 'cache.example.org' }, flags: { peers: PEERS } })).toBe('static')
    expect(resolveLayers({ config, flags: { etcd: 'b:1' } }).config.cluster?.membership).toMatchObject({
      endpoints: ['http://b:1'],
      prefix: '/mine',
    })
  })

  test('every setting can be set as text, by a variable and by a flag', () => {
    const texts: Record<string, string> = {
      peers: PEERS.join(','),
      dns: 'cache.example.org',
      dnsPort: '7001',
      dnsType: 'srv',
      dnsInterval: '1s',
      dnsServers: '10.0.0.53',
      etcd: '10.0.0.1:2379',
      etcdPrefix: '/mine',
      etcdLease: '5s',
      etcdUsername: 'erinys',
      etcdPassword: '1234',
      secret: '1234',
      announce: '127.0.0.1:7001',
      announcePort: '7002',
      announceTlsPort: '7003',
      redirect: 'moved',
      clusterTimeout: '1s',
      clusterPingInterval: '100ms',
      clusterLinks: '2',
      clusterWeight: '2',
      clusterCopies: '0.25',
      clusterCopyMaxAge: '2s',
      clusterHandoverRate: '1mb',
    }
    expect(Object.keys(texts)).toEqual(clusterSettingNames)
    for (const kind of ['peers', 'dns', 'etcd'] as const) {
      const own = clusterSettingNames.filter(
        (name) => !/^(peers|dns|etcd)/.test(name) || name.startsWith(kind),
      )
      const defaults = resolveLayers({ flags: { [kind]: texts[kind] } }).config.cluster!
      const flags = Object.fromEntries(own.map((name) => [name, texts[name]]))
      const variables = Object.fromEntries(own.map((name) => [variableName(name), texts[name]]))
      const byFlag = resolveLayers({ flags }).config.cluster!
      expect(resolveLayers({ variables }).config.cluster).toEqual(byFlag)
      for (const [field, value] of Object.entries(byFlag)) {
        if (kind === 'peers' && field === 'membership') continue
        expect(value, field).not.toEqual(defaults[field as keyof ClusterConfig])
      }
    }
  })

  test('no cluster flag has the name of a node flag', () => {
    expect(clusterSettingNames.filter((name) => (settingNames as readonly string[]).includes(name))).toEqual(
      [],
    )
    expect(kebabName('clusterCopyMaxAge')).toBe('cluster-copy-max-age')
    expect(new Set(clusterSettingNames.map((name) => clusterSettings[name].field)).size).toBe(
      clusterSettingNames.length,
    )
  })

  test('variables that Kubernetes sets for services called erinys-… are ignored', () => {
    const variables = Object.fromEntries(
      ['CLUSTER', 'DNS', 'ETCD', 'PEERS', 'SECRET', 'TLS', 'ANNOUNCE'].flatMap((service) => [
        [`ERINYS_${service}_SERVICE_HOST`, '10.0.0.1'],
        [`ERINYS_${service}_SERVICE_PORT`, '7000'],
        [`ERINYS_${service}_PORT`, 'tcp://10.0.0.1:7000'],
        [`ERINYS_${service}_PORT_7000_TCP`, 'tcp://10.0.0.1:7000'],
        [`ERINYS_${service}_PORT_7000_TCP_PROTO`, 'tcp'],
        [`ERINYS_${service}_PORT_7000_TCP_PORT`, '7000'],
        [`ERINYS_${service}_PORT_7000_TCP_ADDR`, '10.0.0.1'],
      ]),
    )
    expect(resolveLayers({ variables }).config.cluster).toBeUndefined()
  })
})
