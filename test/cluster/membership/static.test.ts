import { expect, test } from 'vitest'
import { StaticMembership } from '../../../src/cluster/membership/static.ts'
import { membershipContract } from '../../contracts/membership.contract.ts'
import { MembershipWatch, memberNamed } from '../../support/membership-watch.ts'

membershipContract('a list', async (peers) => ({
  create: () => new StaticMembership({ kind: 'static', peers }),
  wait: async () => {},
  dispose: async () => {},
}))

async function listed(self: string, ...peers: string[]): Promise<readonly string[] | undefined> {
  const watch = new MembershipWatch()
  await new StaticMembership({ kind: 'static', peers }).start(memberNamed(self), watch)
  return watch.names
}

test('the list need not contain this node', async () => {
  expect(await listed('127.0.0.1:7000', '127.0.0.1:7001')).toEqual(['127.0.0.1:7001'])
})

test('addresses are listed in canonical spelling', async () => {
  expect(await listed('a:1', 'Cache-1.Example.org.:7000', 'cache-1.example.org:7000')).toEqual([
    'cache-1.example.org:7000',
  ])
  expect(await listed('a:1', '[FD00:0:0:0::5]:7000', '[fd00::5]:7000')).toEqual(['[fd00::5]:7000'])
})

test('this node has its own weight', async () => {
  const watch = new MembershipWatch()
  const membership = new StaticMembership({ kind: 'static', peers: ['a:1', 'b:1'] })
  await membership.start(memberNamed('a:1', 3), watch)
  expect(watch.lists[0].map(({ weight }) => weight)).toEqual([3, 1])
})

test('an invalid address is refused', async () => {
  await expect(listed('a:1', 'b')).rejects.toThrow("got 'b', wants host:port")
})
