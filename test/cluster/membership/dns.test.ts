import { promises as dns } from 'node:dns'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { parseAddress } from '../../../src/cluster/member.ts'
import { DnsMembership } from '../../../src/cluster/membership/dns.ts'
import type { DnsConfig } from '../../../src/cluster/membership/membership.ts'
import { membershipContract } from '../../contracts/membership.contract.ts'
import { PATIENT_MS } from '../../support/budget.ts'
import { type DnsServer, startDns } from '../../support/dns-server.ts'
import { MembershipWatch, memberNamed } from '../../support/membership-watch.ts'

const NAME = 'cache.default.svc.cluster.local'
const INTERVAL = 5000

let server: DnsServer
beforeAll(async () => {
  server = await startDns()
})
afterAll(() => server.close())

/** A resolver for the test's server: it waits for every answer, and only where there is to be none it soon gives up. */
function resolver(): dns.Resolver {
  const [patient, brief] = [PATIENT_MS, 100].map((timeout) => new dns.Resolver({ timeout, tries: 1 }))
  for (const each of [patient, brief]) each.setServers([server.address])
  const isSilent = (): boolean =>
    [...server.names.values()].some((answer) => 'error' in answer && answer.error === 'silence')
  return new Proxy(patient, {
    get: (_, name) => {
      const chosen = isSilent() ? brief : patient
      return Reflect.get(chosen, name).bind(chosen)
    },
  })
}

/** Resolves when a query has ended and the next one is scheduled. */
async function scheduled(clock: ManualClock): Promise<void> {
  while (clock.pending === 0) await new Promise(setImmediate)
}

function services(addresses: readonly string[]): [string, number][] {
  return addresses.map((address) => {
    const { host, port } = parseAddress(address)!
    const target = `${host.replaceAll('.', '-')}.${NAME}`
    server.names.set(target, { addresses: [host] })
    return [target, port]
  })
}

membershipContract('SRV records', async (addresses) => {
  const clock = new ManualClock()
  let listed = addresses
  const list = async (next: readonly string[]): Promise<void> => {
    listed = next
    server.names.set(NAME, { services: services(next) })
  }
  await list(addresses)
  const config: DnsConfig = { kind: 'dns', name: NAME, type: 'srv', interval: INTERVAL }
  return {
    create: () => new DnsMembership(config, { timers: clock, resolver: resolver() }),
    list,
    fail: async () => void server.names.set(NAME, { error: 'SERVFAIL' }),
    recover: () => list(listed),
    wait: async () => {
      await scheduled(clock)
      clock.advance(INTERVAL * 1.1)
    },
    dispose: async () => {},
  }
})

describe('A and AAAA records', () => {
  let clock: ManualClock
  beforeEach(() => {
    clock = new ManualClock()
    server.names.clear()
  })

  async function start(self: string, options: Partial<DnsConfig> = {}) {
    const config: DnsConfig = { kind: 'dns', name: NAME, type: 'a', interval: INTERVAL, ...options }
    const membership = new DnsMembership(config, { timers: clock, resolver: resolver(), random: () => 0.5 })
    const watch = new MembershipWatch()
    await membership.start(memberNamed(self), watch)
    return { membership, watch }
  }

  /** Lets an interval pass, and waits for the answer. */
  async function nextQuery(): Promise<void> {
    clock.advance(INTERVAL)
    await scheduled(clock)
  }

  test('get the port of this node, or the configured one', async () => {
    server.names.set(NAME, { addresses: ['10.0.0.2', '10.0.0.1'] })
    expect((await start('10.0.0.1:7000')).watch.names).toEqual(['10.0.0.1:7000', '10.0.0.2:7000'])
    expect((await start('10.0.0.1:7000', { port: 7100 })).watch.names).toEqual([
      '10.0.0.1:7100',
      '10.0.0.2:7100',
    ])
  })

  test('a dual-stack member is listed once, in the address family of this node', async () => {
    server.names.set(NAME, { addresses: ['10.0.0.2', 'fd00::2', '10.0.0.1', 'fd00::1'] })
    expect((await start('10.0.0.1:7000')).watch.names).toEqual(['10.0.0.1:7000', '10.0.0.2:7000'])
    expect((await start('[fd00:0::1]:7000')).watch.names).toEqual(['[fd00::1]:7000', '[fd00::2]:7000'])
  })

  test('this node has its own weight', async () => {
    server.names.set(NAME, { addresses: ['10.0.0.1', '10.0.0.2'] })
    const config: DnsConfig = { kind: 'dns', name: NAME, type: 'a', interval: INTERVAL }
    const watch = new MembershipWatch()
    const membership = new DnsMembership(config, { timers: clock, resolver: resolver() })
    await membership.start(memberNamed('10.0.0.2:7000', 3), watch)
    expect(watch.lists[0].map(({ weight }) => weight)).toEqual([1, 3])
  })

  test('a different order is not a change', async () => {
    server.names.set(NAME, { addresses: ['10.0.0.1', '10.0.0.2'] })
    const { watch } = await start('10.0.0.1:7000')
    server.names.set(NAME, { addresses: ['10.0.0.2', '10.0.0.1'] })
    await nextQuery()
    await nextQuery()
    expect(watch.lists).toHaveLength(1)
    expect(watch.warnings).toEqual([])
  })

  test('an empty answer keeps the list', async () => {
    server.names.set(NAME, { addresses: ['10.0.0.1', '10.0.0.2'] })
    const { watch } = await start('10.0.0.1:7000')
    server.names.set(NAME, { addresses: [] })
    for (let i = 0; i < 10; i++) await nextQuery()
    expect(watch.lists).toHaveLength(1)
    expect(watch.warnings).toEqual([`members from DNS, ${NAME}: the answer is empty; keeping the last list`])
  })

  test.each(['SERVFAIL', 'REFUSED', 'silence'] as const)('%s keeps the list', async (error) => {
    server.names.set(NAME, { addresses: ['10.0.0.1', '10.0.0.2'] })
    const { watch } = await start('10.0.0.1:7000')
    server.names.set(NAME, { error })
    for (let i = 0; i < 3; i++) await nextQuery()
    expect(watch.lists).toHaveLength(1)
    expect(watch.warnings).toEqual([
      expect.stringMatching(/: it does not resolve \(E[A-Z]+\); keeping the last list$/),
    ])
    server.names.set(NAME, { addresses: ['10.0.0.1', '10.0.0.3'] })
    await nextQuery()
    expect(watch.names).toEqual(['10.0.0.1:7000', '10.0.0.3:7000'])
    expect(watch.warnings.at(-1)).toBe(`members from DNS, ${NAME}: it resolves again`)
  })

  test('a name that does not exist empties the list after several queries', async () => {
    server.names.set(NAME, { addresses: ['10.0.0.1', '10.0.0.2'] })
    const { watch } = await start('10.0.0.1:7000')
    server.names.delete(NAME)
    for (let i = 0; i < 3; i++) await nextQuery()
    expect(watch.lists).toHaveLength(1)
    // Another failure in between resets the count.
    server.names.set(NAME, { error: 'SERVFAIL' })
    await nextQuery()
    server.names.delete(NAME)
    for (let i = 0; i < 3; i++) await nextQuery()
    expect(watch.lists).toHaveLength(1)
    await nextQuery()
    expect(watch.names).toEqual([])
    expect(watch.warnings.at(-1)).toMatch(
      /the name has not existed for several queries; the list is empty now$/,
    )
    server.names.set(NAME, { addresses: ['10.0.0.1'] })
    await nextQuery()
    expect(watch.names).toEqual(['10.0.0.1:7000'])
  })

  test('a node that announces a host name is refused', async () => {
    await expect(start('cache-1:7000')).rejects.toThrow('this node must announce an IP address')
  })

  test('are queried at intervals that vary by a tenth', async () => {
    server.names.set(NAME, { addresses: ['10.0.0.1'] })
    const due = async (random: number): Promise<number> => {
      const waits: number[] = []
      const timers = {
        after(ms: number) {
          waits.push(ms)
          return () => {}
        },
      }
      const config: DnsConfig = { kind: 'dns', name: NAME, type: 'a', interval: INTERVAL }
      const membership = new DnsMembership(config, { timers, resolver: resolver(), random: () => random })
      await membership.start(memberNamed('10.0.0.1:7000'), new MembershipWatch())
      return waits[0]
    }
    expect(await due(0)).toBe(INTERVAL * 0.9)
    expect(await due(0.5)).toBe(INTERVAL)
    expect(await due(0.999)).toBeCloseTo(INTERVAL * 1.1, -2)
  })

  test('close cancels a pending query', async () => {
    server.names.set(NAME, { error: 'silence' })
    const config: DnsConfig = {
      kind: 'dns',
      name: NAME,
      type: 'a',
      interval: INTERVAL,
      servers: [server.address],
    }
    const membership = new DnsMembership(config)
    const watch = new MembershipWatch()
    const starting = membership.start(memberNamed('10.0.0.1:7000'), watch)
    await membership.close()
    await starting
    expect(watch.warnings).toEqual([])
  })
})

describe('SRV records', () => {
  const config: DnsConfig = { kind: 'dns', name: NAME, type: 'srv', interval: INTERVAL }

  async function names(self: string): Promise<readonly string[] | undefined> {
    const watch = new MembershipWatch()
    await new DnsMembership(config, { timers: new ManualClock(), resolver: resolver() }).start(
      memberNamed(self),
      watch,
    )
    return watch.names
  }

  test('give host names to nodes that announce a host name, and addresses to the others', async () => {
    server.names.set(NAME, { services: [...services(['10.0.0.1:7001', '10.0.0.2:7002'])] })
    expect(await names(`10-0-0-1.${NAME}:7001`)).toEqual([`10-0-0-1.${NAME}:7001`, `10-0-0-2.${NAME}:7002`])
    expect(await names('10.0.0.1:7001')).toEqual(['10.0.0.1:7001', '10.0.0.2:7002'])
  })

  test('a target that no longer exists is left out; a target that fails to resolve keeps the list', async () => {
    const targets = services(['10.0.0.1:7001', '10.0.0.2:7002'])
    server.names.set(NAME, { services: targets })
    server.names.delete(targets[1][0])
    expect(await names('10.0.0.1:7001')).toEqual(['10.0.0.1:7001'])
    server.names.set(targets[1][0], { error: 'SERVFAIL' })
    expect(await names('10.0.0.1:7001')).toBeUndefined()
  })
})
