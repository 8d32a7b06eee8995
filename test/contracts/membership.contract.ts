// The contract of every membership: a fixed list, DNS, etcd.

import { afterEach, describe, expect, test } from 'vitest'
import type { Membership } from '../../src/cluster/membership/membership.ts'
import { MembershipWatch, memberNamed } from '../support/membership-watch.ts'

/** A source of members that the suite can change. */
export interface SourceUnderTest {
  /** Creates another membership of the same source. */
  create(): Membership
  /** Makes the source list exactly these addresses; undefined if it is fixed once a membership has started. */
  readonly list?: (addresses: readonly string[]) => Promise<void>
  /** Makes the source unreachable; undefined if that cannot happen. */
  readonly fail?: () => Promise<void>
  readonly recover?: () => Promise<void>
  /** Lets time pass until the source is queried again. */
  wait(): Promise<void>
  dispose(): Promise<void>
}

/** Runs the suite on sources that `setUp` creates, with these addresses listed. */
export function membershipContract(
  name: string,
  setUp: (addresses: readonly string[]) => Promise<SourceUnderTest>,
): void {
  const SELF = '127.0.0.1:7000'
  const OTHERS = ['127.0.0.1:7001', '127.0.0.2:7000', '127.0.0.3:7000']
  const used: { source: SourceUnderTest; memberships: Membership[] }[] = []

  afterEach(async () => {
    for (const { source, memberships } of used.splice(0)) {
      for (const membership of memberships) await membership.close()
      await source.dispose()
    }
  })

  /** A source, and a started membership. */
  async function started(addresses: readonly string[]) {
    const { source, create } = await prepared(addresses)
    const membership = create()
    const watch = new MembershipWatch()
    await membership.start(memberNamed(SELF), watch)
    return { source, create, membership, watch }
  }

  async function prepared(addresses: readonly string[]) {
    const source = await setUp(addresses)
    const memberships: Membership[] = []
    used.push({ source, memberships })
    const create = (): Membership => {
      const membership = source.create()
      memberships.push(membership)
      return membership
    }
    return { source, create }
  }

  describe(`${name} as a membership`, () => {
    test('has a kind, and counts as registered before it starts', async () => {
      const { create } = await prepared([SELF])
      const membership = create()
      expect(membership.kind).toMatch(/^(static|dns|etcd)$/)
      expect(membership.isRegistered).toBe(true)
    })

    test('publishes the whole list before start resolves: sorted, each member once', async () => {
      const { membership, watch } = await started([OTHERS[2], SELF, OTHERS[0], OTHERS[1], OTHERS[0]])
      expect(watch.lists).toEqual([[SELF, ...OTHERS].map((other) => memberNamed(other))])
      expect(watch.warnings).toEqual([])
      expect(membership.isRegistered).toBe(true)
    })

    test('publishes the same list to two nodes', async () => {
      const { create, watch } = await started([SELF, ...OTHERS])
      const other = new MembershipWatch()
      await create().start(memberNamed(SELF), other)
      expect(other.lists).toEqual(watch.lists)
    })

    test('lists a single node', async () => {
      const { watch } = await started([SELF])
      expect(watch.names).toEqual([SELF])
    })

    test('publishes nothing after a node has left and closed', async () => {
      const { source, membership, watch } = await started([SELF, ...OTHERS])
      await membership.leave()
      expect(membership.isRegistered).toBe(true)
      await membership.close()
      const published = watch.lists.length
      await source.list?.([SELF, OTHERS[0]])
      expect(watch.lists).toHaveLength(published)
      expect(watch.registrations).toEqual([])
    })

    test('can be closed twice, and without having started', async () => {
      const { create, membership } = await started([SELF])
      await membership.close()
      await membership.close()
      await create().close()
    })

    test('publishes joins and leaves', async () => {
      const { source, watch } = await started([SELF, ...OTHERS])
      if (source.list === undefined) return
      await source.list([SELF, OTHERS[1]])
      await source.wait()
      await watch.untilNames(SELF, OTHERS[1])
      await source.list([SELF, OTHERS[0], OTHERS[1]])
      await source.wait()
      await watch.untilNames(SELF, OTHERS[0], OTHERS[1])
    })

    test('starts while the source is unreachable, warns once, and recovers', async () => {
      const { source, create } = await prepared([SELF, OTHERS[0]])
      if (source.fail === undefined) return
      await source.fail()
      const membership = create()
      const watch = new MembershipWatch()
      await membership.start(memberNamed(SELF), watch)
      expect(watch.lists).toEqual([])
      expect(watch.warnings).toEqual([
        expect.stringMatching(/^members from .*(there is no list of members yet|keeping the last list)/),
      ])
      await source.recover!()
      await source.wait()
      await watch.until(() => watch.names?.includes(OTHERS[0]) === true)
      expect(watch.warnings).toEqual([expect.any(String), expect.stringMatching(/again$/)])
      expect(watch.registrations).toEqual([])
    })

    test('keeps the last list while the source is unreachable', async () => {
      const { source, watch } = await started([SELF, OTHERS[0]])
      if (source.fail === undefined) return
      await source.fail()
      await source.wait()
      await watch.until(() => watch.warnings.length > 0)
      expect(watch.lists).toHaveLength(1)
      await source.recover!()
      await source.wait()
      await watch.until(() => watch.warnings.some((warning) => /again$/.test(warning)))
      expect(watch.lists).toHaveLength(1)
    })
  })
}
