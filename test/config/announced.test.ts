// The address that a node announces to its peers.

import { describe, expect, test } from 'vitest'
import { announced, type Machine } from '../../src/config/cluster.ts'
import { resolveConfig } from '../../src/config/config.ts'
import { problems } from './problems.ts'

const PEERS = ['127.0.0.1:7000', '127.0.0.1:7001']

describe('the announced address', () => {
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

  test('is the only address reachable from other machines, or must be set', () => {
    const wants =
      'got nothing, wants the address at which the others reach this node, as bind is open and this machine has'
    expect(announcedFor('0.0.0.0', [], docker)).toBe(`${wants} 10.0.0.5 and 172.17.0.1`)
    expect(announcedFor('0.0.0.0', ['172.17.0.1:7000'], docker)).toBe('172.17.0.1 7000')
    expect(announcedFor('0.0.0.0', [], { name: 'a', addresses: machine.addresses.slice(0, 2) })).toBe(
      `${wants} no address beyond itself`,
    )
    const six = { name: 'a', addresses: machine.addresses.filter(({ address }) => address.includes(':')) }
    expect(announcedFor('::', [], six)).toBe('fd00::5 7000')
  })

  test('keeps port 0, which is resolved when the node listens', () => {
    expect(announcedFor('127.0.0.1', PEERS, machine, 0)).toBe('127.0.0.1 0')
  })

  test('must be reachable by the peers', () => {
    const cluster = { peers: ['10.0.0.1:7000', '127.0.0.1:7000'] }
    expect(problems({ config: { cluster } })).toEqual([
      'bind: 127.0.0.1 can be reached from this machine only, but 10.0.0.1:7000 is a peer: bind to an address that ' +
        'the peers reach, or name it with cluster.announce',
    ])
    expect(problems({ config: { cluster: { ...cluster, announce: '127.0.0.1:7000' } } })).toEqual([])
  })

  test('must be an IP address with A and AAAA records', () => {
    const wants = 'wants an IP address, as A and AAAA records list the members by theirs'
    const dns = { name: 'cache.example.org' }
    expect(problems({ config: { cluster: { dns, announce: 'cache-1:7000' } } })).toEqual([
      `cluster.announce: got 'cache-1:7000', ${wants}`,
    ])
    expect(
      resolveConfig({ cluster: { dns: { ...dns, type: 'srv' }, announce: 'cache-1:7000' } }).cluster?.announce
        .host,
    ).toBe('cache-1')
  })
})
