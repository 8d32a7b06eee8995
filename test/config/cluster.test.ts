import { describe, expect, test } from 'vitest'
import { announced, type ClusterConfig, type ClusterInput, type Machine } from '../../src/config/cluster.ts'
import { clusterSettingNames, clusterSettings } from '../../src/config/cluster-settings.ts'
import {
  type Config,
  ConfigError,
  type ConfigLayers,
  resolveConfig,
  resolveLayers,
} from '../../src/config/config.ts'
import { describeConfig } from '../../src/config/describe.ts'
import { kebabName, settingNames, variableName } from '../../src/config/settings.ts'

const PEERS = ['127.0.0.1:7000', '127.0.0.1:7001']

/** What is wrong with some layers, line by line. */
function problems(layers: ConfigLayers): readonly string[] {
  try {
    resolveLayers(layers)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

function clusterOf(cluster: ClusterInput, config: Config = {}): ClusterConfig | undefined {
  return resolveConfig({ ...config, cluster }).cluster
}

describe('a cluster', () => {
  test('is none unless something names its members', () => {
    expect(resolveConfig({}).cluster).toBeUndefined()
  })

  test('of a list, with everything else by default', () => {
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

  test('comes out in bytes and milliseconds', () => {
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

  test('has the password as its secret unless it has one of its own', () => {
    const requirepass = 'open sesame'
    expect(clusterOf({ peers: PEERS }, { requirepass })?.secret).toBe(requirepass)
    expect(clusterOf({ peers: PEERS, secret: '' }, { requirepass })?.secret).toBe(requirepass)
    expect(clusterOf({ peers: PEERS, secret: 'hush' }, { requirepass })?.secret).toBe('hush')
  })
})

describe('a wrong field says its path, what it got and what it wants', () => {
  const peers = "wants addresses such as ['10.0.0.1:7000', '10.0.0.2:7000'], at least one"
  const endpoints =
    "wants endpoints such as ['10.0.0.1:2379'] or ['https://etcd.example.org:2379'], all with one scheme, at least one"
  const ms = "wants a duration such as '5m' or '250ms', or a number of milliseconds"

  test.each<[unknown, string]>([
    ['x', "cluster: got 'x', wants an object"],
    [null, 'cluster: got null, wants an object'],
    [[], 'cluster: got [], wants an object'],
    [{}, 'cluster: got nothing, wants one of peers, dns and etcd'],
    [{ peers: [] }, `cluster.peers: got [], ${peers}`],
    [{ peers: '' }, `cluster.peers: got '', ${peers}`],
    [{ peers: 7000 }, `cluster.peers: got 7000, ${peers}`],
    [{ peers: [7000] }, `cluster.peers: got an array, ${peers}`],
    [{ peers: ['10.0.0.1'] }, `cluster.peers: got ['10.0.0.1'], ${peers}`],
    [{ peers: ['10.0.0.1:0'] }, `cluster.peers: got ['10.0.0.1:0'], ${peers}`],
    [{ peers: ['0.0.0.0:7000'] }, `cluster.peers: got ['0.0.0.0:7000'], ${peers}`],
    [{ peers: ['::1:7000'] }, `cluster.peers: got ['::1:7000'], ${peers}`],
    [{ dns: 'x' }, "cluster.dns: got 'x', wants an object"],
    [{ dns: {} }, 'cluster: got nothing, wants one of peers, dns and etcd'],
    [
      { dns: { name: '10.0.0.1' } },
      "cluster.dns.name: got '10.0.0.1', wants a full DNS name such as 'erinys.default.svc.cluster.local'",
    ],
    [
      { dns: { name: 'a b' } },
      "cluster.dns.name: got 'a b', wants a full DNS name such as 'erinys.default.svc.cluster.local'",
    ],
    [{ dns: { name: 'a', port: 0 } }, 'cluster.dns.port: got 0, wants a port, from 1 to 65535'],
    [{ dns: { name: 'a', type: 'mx' } }, "cluster.dns.type: got 'mx', wants one of a, srv"],
    [{ dns: { name: 'a', interval: 10 } }, `cluster.dns.interval: got 10, ${ms}, from 100ms to 1d`],
    [
      { dns: { name: 'a', servers: ['dns.example.org'] } },
      "cluster.dns.servers: got ['dns.example.org'], wants IP addresses such as ['10.0.0.53', '10.0.0.54:5353'], at least one",
    ],
    [{ dns: { nam: 'a' } }, 'cluster.dns.nam: unknown field, did you mean name?'],
    [{ etcd: { endpoints: [] } }, `cluster.etcd.endpoints: got [], ${endpoints}`],
    [{ etcd: { endpoints: ['etcd'] } }, `cluster.etcd.endpoints: got ['etcd'], ${endpoints}`],
    [
      { etcd: { endpoints: ['https://a:1', 'b:1'] } },
      `cluster.etcd.endpoints: got ['https://a:1', 'b:1'], ${endpoints}`,
    ],
    [{ etcd: { endpoints: 'ftp://a:1' } }, `cluster.etcd.endpoints: got 'ftp://a:1', ${endpoints}`],
    [
      { etcd: { endpoints: 'a:1', prefix: 'a/' } },
      "cluster.etcd.prefix: got 'a/', wants what keys begin with, such as '/erinys', without a slash at the end",
    ],
    [
      { etcd: { endpoints: 'a:1', lease: '1500ms' } },
      "cluster.etcd.lease: got '1500ms', wants whole seconds such as '10s', or that number of milliseconds, from 1s to 1h",
    ],
    [{ etcd: { endpoints: 'a:1', username: '' } }, "cluster.etcd.username: got '', wants a name"],
    [{ etcd: { endpoints: 'a:1', password: 1 } }, 'cluster.etcd.password: got a number, wants text'],
    [
      { etcd: { endpoints: 'a:1', password: 'hush' } },
      'cluster.etcd.username: got nothing, wants the user that the password belongs to',
    ],
    [{ etcd: { endpoint: 'a:1' } }, 'cluster.etcd.endpoint: unknown field, did you mean endpoints?'],
    [{ peers: PEERS, secret: 1 }, 'cluster.secret: got a number, wants text'],
    [
      { peers: PEERS, announce: '10.0.0.1' },
      "cluster.announce: got '10.0.0.1', wants an address such as '10.0.0.1:7000'",
    ],
    [
      { peers: PEERS, announce: '[::]:7000' },
      "cluster.announce: got '[::]:7000', wants an address such as '10.0.0.1:7000'",
    ],
    [{ peers: PEERS, redirect: 'ask' }, "cluster.redirect: got 'ask', wants one of forward, moved"],
    [{ peers: PEERS, timeout: 99 }, `cluster.timeout: got 99, ${ms}, from 100ms to 1m`],
    [{ peers: PEERS, timeout: '61s' }, `cluster.timeout: got '61s', ${ms}, from 100ms to 1m`],
    [{ peers: PEERS, pingInterval: 1 }, `cluster.pingInterval: got 1, ${ms}, from 10ms to 59s999ms`],
    [
      { peers: PEERS, pingInterval: '2s' },
      'cluster.pingInterval: got 2s, wants less than the timeout, which is 2s',
    ],
    [{ peers: PEERS, links: 17 }, 'cluster.links: got 17, wants a whole number, from 1 to 16'],
    [{ peers: PEERS, weight: 0 }, 'cluster.weight: got 0, wants a whole number, from 1 to 100'],
    [{ peers: PEERS, copies: 0.6 }, 'cluster.copies: got 0.6, wants a fraction from 0 to 0.5'],
    [{ peers: PEERS, copies: 'half' }, "cluster.copies: got 'half', wants a fraction from 0 to 0.5"],
    [{ peers: PEERS, copyMaxAge: 0 }, `cluster.copyMaxAge: got 0, ${ms}, from 1ms to 1m`],
    [
      { peers: PEERS, handoverRate: 1 },
      "cluster.handoverRate: got 1, wants a size such as '64mb', at least 64kb",
    ],
    [{ peer: PEERS }, 'cluster.peer: unknown field, did you mean peers?'],
    [
      { peers: PEERS, etcd: { endpoints: 'a:1' } },
      'cluster.peers and cluster.etcd.endpoints: a cluster has one list of members, wants one of them',
    ],
    [
      { peers: PEERS, dns: { interval: '1s' } },
      'cluster.dns.interval: is for members from dns, but they come from cluster.peers',
    ],
    [
      { dns: { interval: '1s' } },
      'cluster.dns.interval: is for members from dns, wants cluster.dns.name (--dns) too',
    ],
    [
      { secret: 'hush' },
      'cluster.secret: is for a cluster, wants one of cluster.peers (--peers), cluster.dns.name (--dns), ' +
        'cluster.etcd.endpoints (--etcd) too',
    ],
  ])('%j', (cluster, problem) => {
    expect(problems({ config: { cluster } })[0]).toBe(problem)
  })

  test('of a flag or a variable names that', () => {
    expect(problems({ source: 'x.json', config: { cluster: { redirect: 'x' } } })[0]).toMatch(
      /^x\.json: cluster\.redirect: got 'x'/,
    )
    expect(problems({ flags: { peers: 'a' } })[0]).toMatch(/^--peers: got 'a', wants addresses/)
    expect(problems({ variables: { ERINYS_CLUSTER_TIMEOUT: '1' } })[0]).toMatch(
      /^ERINYS_CLUSTER_TIMEOUT: got '1', wants a duration/,
    )
    expect(problems({ flags: { peers: PEERS, clusterPingInterval: '3s' } })).toEqual([
      '--cluster-ping-interval: got 3s, wants less than the timeout, which is 2s',
    ])
    expect(problems({ variables: { ERINYS_SECRET: 'hush' } })[0]).toMatch(/^ERINYS_SECRET: is for a cluster/)
    expect(problems({ flags: { peers: PEERS, dns: 'a' } })).toEqual([
      '--peers and --dns: a cluster has one list of members, wants one of them',
    ])
    expect(problems({ variables: { ERINYS_PEER: 'x' } })).toEqual([
      'ERINYS_PEER: unknown variable, did you mean ERINYS_PEERS?',
    ])
  })
})

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

  test('another kind of members replaces the one of a lower layer', () => {
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

  test('every setting can be said as text, by a variable and by a flag', () => {
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

  test('no flag of a cluster is one of the node too', () => {
    expect(clusterSettingNames.filter((name) => (settingNames as readonly string[]).includes(name))).toEqual(
      [],
    )
    expect(kebabName('clusterCopyMaxAge')).toBe('cluster-copy-max-age')
    expect(new Set(clusterSettingNames.map((name) => clusterSettings[name].field)).size).toBe(
      clusterSettingNames.length,
    )
  })

  test('what Kubernetes tells of services called erinys-… is passed over', () => {
    const variables = Object.fromEntries(
      ['CLUSTER', 'DNS', 'ETCD', 'PEERS', 'SECRET'].flatMap((service) => [
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

describe('the address that others are told', () => {
  const machine: Machine = {
    name: 'Cache-1',
    addresses: [
      { address: '127.0.0.1', internal: true },
      { address: '::1', internal: true },
      { address: '10.0.0.5', internal: false },
      { address: 'fd00::5', internal: false },
      { address: 'fe80::1', internal: false },
    ],
  }
  const docker: Machine = {
    ...machine,
    addresses: [...machine.addresses, { address: '172.17.0.1', internal: false }],
  }

  function announcedFor(bind: string, peers: readonly string[], where = machine, port = 7000): string {
    const hosts = bind.split(' ').map((host) => ({ host, optional: false }))
    const address = announced({ bind: hosts, port }, peers, where)
    return typeof address === 'string' ? address : `${address.host} ${address.port}`
  }

  test.each([
    ['127.0.0.1', [], '127.0.0.1 7000'],
    ['127.0.0.1 ::1', ['[::1]:7000'], '::1 7000'],
    ['127.0.0.1 10.0.0.5', [], '10.0.0.5 7000'],
    ['10.0.0.5 10.0.0.6', ['10.0.0.6:7000'], '10.0.0.6 7000'],
    ['0.0.0.0 ::', [], '10.0.0.5 7000'],
    ['0.0.0.0', ['10.0.0.4:7000', '10.0.0.5:7000'], '10.0.0.5 7000'],
    ['0.0.0.0', ['cache-1:7000', 'cache-2:7000'], 'cache-1 7000'],
    ['0.0.0.0', ['127.0.0.1:7000', '127.0.0.1:7001'], '127.0.0.1 7000'],
  ])('bind %s, peers %j: %s', (bind, peers, expected) => {
    expect(announcedFor(bind, peers)).toBe(expected)
  })

  test('is the only one beyond the machine, or has to be said', () => {
    const wants =
      'got nothing, wants the address that the others reach this node at, as bind is open and this machine has'
    expect(announcedFor('0.0.0.0', [], docker)).toBe(`${wants} 10.0.0.5 and 172.17.0.1`)
    expect(announcedFor('0.0.0.0', ['172.17.0.1:7000'], docker)).toBe('172.17.0.1 7000')
    expect(announcedFor('0.0.0.0', [], { name: 'a', addresses: machine.addresses.slice(0, 2) })).toBe(
      `${wants} no address beyond itself`,
    )
    const six = { name: 'a', addresses: machine.addresses.filter(({ address }) => address.includes(':')) }
    expect(announcedFor('::', [], six)).toBe('fd00::5 7000')
  })

  test('keeps port 0, which is decided when the node listens', () => {
    expect(announcedFor('127.0.0.1', PEERS, machine, 0)).toBe('127.0.0.1 0')
  })

  test('is one that the peers reach', () => {
    const cluster = { peers: ['10.0.0.1:7000', '127.0.0.1:7000'] }
    expect(problems({ config: { cluster } })).toEqual([
      'bind: 127.0.0.1 can be reached from this machine only, but 10.0.0.1:7000 is a peer: bind to an address that ' +
        'the peers reach, or name it with cluster.announce',
    ])
    expect(problems({ config: { cluster: { ...cluster, announce: '127.0.0.1:7000' } } })).toEqual([])
  })

  test('is an IP address where records list those', () => {
    const wants = 'wants an IP address, as A and AAAA records list the members by theirs'
    const dns = { name: 'cache.example.org' }
    expect(problems({ config: { cluster: { dns, announce: 'cache-1:7000' } } })).toEqual([
      `cluster.announce: got 'cache-1:7000', ${wants}`,
    ])
    expect(clusterOf({ dns: { ...dns, type: 'srv' }, announce: 'cache-1:7000' })?.announce.host).toBe(
      'cache-1',
    )
  })
})

describe('protected mode', () => {
  const config = { bind: ['10.0.0.5'], cluster: { peers: ['10.0.0.5:7000', '10.0.0.6:7000'] } }

  test('refuses a cluster beyond this machine that has neither password nor secret', () => {
    expect(problems({ config })).toEqual([
      'bind: 10.0.0.5 can be reached from other machines and there is no password, nor a secret that keeps strangers ' +
        'out of the cluster: set requirepass (the secret too, unless cluster.secret names another), bind to ' +
        '127.0.0.1, or turn protected mode off (--protected-mode no)',
    ])
    expect(problems({ config, flags: { secret: 'hush' } })).toEqual([
      'bind: 10.0.0.5 can be reached from other machines and there is no password: set requirepass, bind to ' +
        '127.0.0.1, or turn protected mode off (--protected-mode no)',
    ])
  })

  test('lets it with a password, or when it is off', () => {
    expect(problems({ config, flags: { requirepass: 'open sesame' } })).toEqual([])
    expect(problems({ config, flags: { protectedMode: 'no' } })).toEqual([])
  })
})

describe('erinys check', () => {
  function described(layers: ConfigLayers): string {
    return describeConfig({ ...resolveLayers(layers), file: undefined })
  }

  test('says nothing of a cluster where there is none', () => {
    expect(described({})).not.toMatch(/cluster|peers/i)
  })

  test('shows the cluster, its settings and their sources, and no secret', () => {
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

  test('shows where etcd and DNS are asked', () => {
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
