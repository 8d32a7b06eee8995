// The tree of large collections against plain arrays.

import { expect, test } from 'vitest'
import { Arena } from '../../../../src/store/arena.ts'
import { Regions } from '../../../../src/store/types/regions.ts'
import { compareBytes } from '../../../../src/store/types/span.ts'
import { stringBytes, TreeKind } from '../../../../src/store/types/tree/layout.ts'
import { Tree } from '../../../../src/store/types/tree/tree.ts'
import { seededRandom } from '../../../support/random.ts'

interface Made {
  readonly arena: Arena
  readonly regions: Regions
  readonly region: number
  readonly tree: Tree
}

function make(kind: TreeKind): Made {
  const arena = new Arena(2 ** 18)
  const regions = new Regions(arena)
  const region = regions.create(8 as never)
  const tree = new Tree(regions)
  tree.open(region, kind)
  return { arena, regions, region, tree }
}

function text(tree: Tree): string {
  tree.readString(tree.stringsAt)
  return tree.span.copy().toString('latin1')
}

function put(tree: Tree, element: Buffer): void {
  tree.insert(stringBytes(element.length))
  tree.writeString(tree.stringsAt, element, 0, element.length)
}

function all(tree: Tree): string[] {
  const found: string[] = []
  for (let is = tree.seekRank(0); is; is = tree.next()) found.push(text(tree))
  return found
}

test('a set finds what was put in, by its hash, also where hashes are equal', () => {
  const { tree } = make(TreeKind.SET)
  const model = new Map<string, number>()
  const random = seededRandom(5)
  const find = (name: string, hash: number): boolean => {
    tree.key[0] = hash
    for (let is = tree.seekHash(); is && tree.view.getInt32(tree.keyAt, true) === hash; is = tree.next())
      if (text(tree) === name) return true
    return false
  }
  for (let i = 0; i < 60_000; i++) {
    const name = `m${random() % 9000}`
    // Many collide, and they span the sign bit.
    const hash = ((Number(name.slice(1)) % 700) * 6_135_667) | 0
    const has = find(name, hash)
    expect(has).toBe(model.has(name))
    if (random() % 3 === 0) {
      if (has) tree.remove()
      model.delete(name)
    } else if (!has) {
      tree.key[0] = hash
      put(tree, Buffer.from(name))
      model.set(name, hash)
    }
    if (i % 5000 === 0) tree.verify()
  }
  tree.verify()
  expect(all(tree).sort()).toEqual([...model.keys()].sort())
})

test('entries that replace removed ones of the same length take no more memory', () => {
  const { tree, regions, region } = make(TreeKind.SET)
  const random = seededRandom(3)
  const members: { hash: number; name: string }[] = []
  const add = (i: number): void => {
    const hash = random() | 0
    const name = `m${String(random() % 1e6).padStart(7 + (i % 3), '0')}`
    if (tree.seekString(hash, Buffer.from(name), 0, name.length)) return
    put(tree, Buffer.from(name))
    members[i] = { hash, name }
  }
  const remove = (i: number): void => {
    const { hash, name } = members[i]
    expect(tree.seekString(hash, Buffer.from(name), 0, name.length)).toBe(true)
    tree.remove()
  }
  const count = 300
  for (let i = 0; i < count; i++) add(i)
  const units = regions.units(region)
  for (let round = 0; round < 20_000; round++) {
    const i = random() % count
    const { hash } = members[i]
    remove(i)
    const name = `n${String(round).padStart(7 + (i % 3), '0')}`
    tree.seekString(hash, Buffer.from(name), 0, name.length)
    put(tree, Buffer.from(name))
    members[i] = { hash, name }
    if (round % 1000 === 0) tree.verify()
  }
  tree.verify()
  expect(regions.units(region)).toBeLessThanOrEqual(units)
  expect(all(tree).sort()).toEqual(members.map(({ name }) => name).sort())
})

test.each([
  ['spread evenly', (n: number) => n * 1.5],
  ['growing exponentially', (n: number) => 1.01 ** n],
  ['that are mostly the same', (n: number) => (n % 50 === 0 ? n : 7)],
  ['with infinities', (n: number) => [Number.NEGATIVE_INFINITY, n, Number.POSITIVE_INFINITY][n % 3]],
])('a member is found by its score among scores %s', (_, scoreOf) => {
  const { tree } = make(TreeKind.RANKING)
  const members = Array.from({ length: 5000 }, (_, n) => ({ score: scoreOf(n), name: Buffer.from(`m${n}`) }))
  const seek = ({ score, name }: (typeof members)[0]): boolean => {
    tree.keyDouble[0] = score
    return tree.seekMember(name, 0, name.length)
  }
  const random = seededRandom(8)
  const order = members.map((member) => ({ member, at: random() })).sort((a, b) => a.at - b.at)
  for (const { member } of order) {
    expect(seek(member)).toBe(false)
    put(tree, member.name)
  }
  tree.verify()
  members.sort((a, b) => a.score - b.score || Buffer.compare(a.name, b.name))
  expect(all(tree)).toEqual(members.map(({ name }) => name.toString()))
  expect(members.map((member) => (seek(member) ? tree.rank() : -1))).toEqual(members.map((_, rank) => rank))
})

test('a set that is filled from its last hash to its first is in order, and finds each', () => {
  const { tree } = make(TreeKind.SET)
  const members = 20_000
  for (let hash = members - 1; hash >= 0; hash--) {
    tree.key[0] = hash
    tree.seekHash()
    put(tree, Buffer.from(`m${hash}`))
  }
  tree.verify()
  const names = Array.from({ length: members }, (_, hash) => `m${hash}`)
  expect(all(tree)).toEqual(names)
  const found = names.map((_, hash) => {
    tree.key[0] = hash
    return tree.seekHash() && text(tree)
  })
  expect(found).toEqual(names)
})

test('a ranking is sorted by score and member, and knows ranks', () => {
  const { tree } = make(TreeKind.RANKING)
  const model: { score: number; member: Buffer }[] = []
  const random = seededRandom(9)
  const order = (a: { score: number; member: Buffer }, b: { score: number; member: Buffer }): number =>
    a.score - b.score || compareBytes(a.member, 0, a.member.length, b.member, 0, b.member.length)
  for (let i = 0; i < 20_000; i++) {
    // Few different scores: members decide, and some scores fill several pages.
    const score = [-1e300, -1, 0, 0.5, 7, Number.POSITIVE_INFINITY][random() % 6]
    const member = Buffer.from(`member:${random() % 4000}`)
    tree.keyDouble[0] = score
    const isFound = tree.seekMember(member, 0, member.length)
    const wanted = { score, member }
    let low = 0
    for (let high = model.length; low < high; ) {
      const middle = (low + high) >> 1
      if (order(model[middle], wanted) < 0) low = middle + 1
      else high = middle
    }
    expect(isFound).toBe(low < model.length && order(model[low], wanted) === 0)
    if (isFound && random() % 2 === 0) {
      expect(tree.rank()).toBe(low)
      tree.remove()
      model.splice(low, 1)
    } else if (!isFound) {
      tree.keyDouble[0] = score
      put(tree, member)
      model.splice(low, 0, wanted)
    }
    if (i % 2000 === 0) tree.verify()
  }
  tree.verify()
  expect(all(tree)).toEqual(model.map(({ member }) => member.toString()))
  for (const score of [
    Number.NEGATIVE_INFINITY,
    -1e300,
    -1,
    -0.5,
    0,
    0.5,
    3,
    7,
    1e300,
    Number.POSITIVE_INFINITY,
  ]) {
    expect(tree.rankOfScore(score, false)).toBe(model.filter((each) => each.score < score).length)
    expect(tree.rankOfScore(score, true)).toBe(model.filter((each) => each.score <= score).length)
  }
})

test('a scan visits equal hashes together, and a cursor beyond all hashes is the end', () => {
  const { tree } = make(TreeKind.SET)
  for (let i = 0; i < 1000; i++) {
    tree.seekString((i % 100) * 40_000_000, Buffer.from(`m${i}`), 0, `m${i}`.length)
    put(tree, Buffer.from(`m${i}`))
  }
  const found: string[] = []
  let calls = 0
  for (let cursor = 0; ; calls++) {
    cursor = tree.scan(cursor, 3, () => found.push(text(tree)))
    if (cursor === 0) break
  }
  expect([found.length, new Set(found).size, calls]).toEqual([1000, 1000, 99])
  expect(tree.scan(2 ** 32, 3, () => expect.unreachable())).toBe(0)
  expect(tree.scan(Number.POSITIVE_INFINITY, 3, () => expect.unreachable())).toBe(0)
})
