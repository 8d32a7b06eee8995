// Wrong configurations of a cluster: the error texts, and protected mode.

import { describe, expect, test } from 'vitest'
import { problems } from './problems.ts'

const PEERS = ['127.0.0.1:7000', '127.0.0.1:7001']

describe('the error of a wrong field has its path, its value and what is expected', () => {
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
      "cluster.etcd.prefix: got 'a/', wants a prefix of keys such as '/erinys', without a slash at the end",
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

  test('names the flag or variable', () => {
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

describe('protected mode', () => {
  const config = { bind: ['10.0.0.5'], cluster: { peers: ['10.0.0.5:7000', '10.0.0.6:7000'] } }

  test('refuses a cluster that other machines reach with neither password nor secret', () => {
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

  test('allows it with a password, or when it is off', () => {
    expect(problems({ config, flags: { requirepass: 'open sesame' } })).toEqual([])
    expect(problems({ config, flags: { protectedMode: 'no' } })).toEqual([])
  })
})
