import { describe, expect, test } from 'vitest'
import type { ClusterConfig, ClusterInput } from '../../src/config/cluster.ts'
import { type Config, type ConfigLayers, resolveConfig, resolveLayers } from '../../src/config/config.ts'
import { describeConfig } from '../../src/config/describe.ts'

const PEERS = ['127.0.0.1:7000', '127.0.0.1:7001']

function clusterOf(cluster: ClusterInput, config: Config = {}): ClusterConfig | undefined {
  return resolveConfig({ ...config, cluster }).cluster
}

describe('a cluster', () => {
  test('is undefined unless some setting names its members', () => {
    expect(resolveConfig({}).cluster).toBeUndefined()
  })

  test('has defaults besides its list of members', () => {
    expect(clusterOf({ peers: PEERS })).toEqual({
      membership: { kind: 'static', peers: PEERS },
      secret: '',
      announce: { host: '127.0.0.1', port: 7000 },
      redirect: 'forward',
      timeout: 2000,
      pingInterval: 500,
      links: 1,
      weight: 1,
      copies: 0.125,
      copyMaxAge: 1000,
      handoverRate: 64 * 2 ** 20,
    })
  })

  test('is resolved to bytes and milliseconds', () => {
    expect(
      clusterOf({
        peers: 'a.example.org:7000, B.example.org:7000 [FD00:0::1]:7000 a.example.org:7000',
        secret: 'hush',
        announce: 'A.example.org:7100',
        redirect: 'moved',
        timeout: '4s',
        pingInterval: '250ms',
        links: 4,
        weight: 3,
        copies: 0,
        copyMaxAge: 500,
        handoverRate: '1mb',
      }),
    ).toEqual({
      membership: {
        kind: 'static',
        peers: ['a.example.org:7000', 'b.example.org:7000', '[fd00::1]:7000'],
      },
      secret: 'hush',
      announce: { host: 'a.example.org', port: 7100 },
      redirect: 'moved',
      timeout: 4000,
      pingInterval: 250,
      links: 4,
      weight: 3,
      copies: 0,
      copyMaxAge: 500,
      handoverRate: 2 ** 20,
    })
  })

  test.each<[NonNullable<ClusterInput['dns']>, object]>([
    [{ name: 'cache.example.org' }, { name: 'cache.example.org', type: 'a', interval: 5000 }],
    [{ name: '_erinys._tcp.cache' }, { name: '_erinys._tcp.cache', type: 'srv', interval: 5000 }],
    [
      {
        name: 'cache.example.org.',
        type: 'srv',
        port: 7000,
        interval: '30s',
        servers: '10.0.0.53 [::1]:5353',
      },
      {
        name: 'cache.example.org.',
        type: 'srv',
        port: 7000,
        interval: 30_000,
        servers: ['10.0.0.53', '[::1]:5353'],
      },
    ],
  ])('from DNS %j', (dns, membership) => {
    expect(clusterOf({ dns })?.membership).toEqual({ kind: 'dns', ...membership })
  })

  test.each<[NonNullable<ClusterInput['etcd']>, object]>([
    [
      { endpoints: '10.0.0.1:2379' },
      { endpoints: ['http://10.0.0.1:2379'], prefix: '/erinys', lease: 10_000 },
    ],
    [
      {
        endpoints: ['HTTPS://a.example.org:2379/', 'https://b.example.org:2379'],
        prefix: 'cache/live',
        lease: '30s',
        username: 'erinys',
        password: 'hush',
      },
      {
        endpoints: ['https://a.example.org:2379', 'https://b.example.org:2379'],
        prefix: 'cache/live',
        lease: 30_000,
        username: 'erinys',
        password: 'hush',
      },
    ],
  ])('from etcd %j', (etcd, membership) => {
    expect(clusterOf({ etcd })?.membership).toEqual({ kind: 'etcd', ...membership })
  })

  test('uses the password as its secret unless one is set', () => {
    const requirepass = 'open sesame'
    expect(clusterOf({ peers: PEERS }, { requirepass })?.secret).toBe(requirepass)
    expect(clusterOf({ peers: PEERS, secret: '' }, { requirepass })?.secret).toBe(requirepass)
    expect(clusterOf({ peers: PEERS, secret: 'hush' }, { requirepass })?.secret).toBe('hush')
  })
})

describe('erinys check', () => {
  function described(layers: ConfigLayers): string {
    return describeConfig({ ...resolveLayers(layers), file: undefined })
  }

  test('does not mention a cluster if there is none', () => {
    expect(described({})).not.toMatch(/cluster|peers/i)
  })

  test('shows the cluster, its settings and their sources, but no secret', () => {
    const text = described({
      config: { requirepass: 'hush-1', cluster: { peers: PEERS } },
      source: 'erinys.config.json',
      flags: { secret: 'hush-2' },
    })
    expect(text).toContain(
      '\nCluster: 127.0.0.1:7000, with a secret, members 127.0.0.1:7000 127.0.0.1:7001.\n',
    )
    expect(text).toMatch(/^ {2}peers +127\.0\.0\.1:7000 127\.0\.0\.1:7001 {2}\(erinys\.config\.json\)$/m)
    expect(text).toMatch(/^ {2}secret +set, not shown {2}\(--secret\)$/m)
    expect(text).toMatch(/^ {2}cluster-timeout +2s$/m)
    expect(text).not.toMatch(/hush|etcd|dns/)
  })

  test('shows the endpoints of etcd and the DNS name', () => {
    const etcd = { endpoints: 'a:1', username: 'erinys', password: 'hush' }
    const text = described({ config: { port: 0, cluster: { etcd } } })
    expect(text).toContain(
      'Cluster: 127.0.0.1 on any free port, without a secret, members from etcd at http://a:1.\n',
    )
    expect(text).toMatch(/^ {2}etcd-password +set, not shown/m)
    expect(text).toMatch(/^ {2}etcd-prefix +\/erinys$/m)
    expect(text).not.toMatch(/hush|peers|dns/)
    expect(described({ flags: { dns: '_erinys._tcp.cache' } })).toContain(
      'members from the SRV records of _erinys._tcp.cache.\n',
    )
  })
})
