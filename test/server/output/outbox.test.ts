import { expect, test } from 'vitest'
import type { Link, Receiver } from '../../../src/cluster/links/link.ts'
import { Outbox } from '../../../src/server/output/outbox.ts'
import { UnreadBytes } from '../../../src/server/output/unread-bytes.ts'
import { seededRandom } from '../../support/random.ts'

/** The receivers of deferred replies, by the order of their deferral. */
type Completion = (reply: Buffer) => void

function outbox(): { box: Outbox; written: string[]; deferred: string[]; completions: Completion[] } {
  const written: string[] = []
  const deferred: string[] = []
  const completions: Completion[] = []
  const box = new Outbox({
    write: (bytes) => written.push(bytes.toString()),
    drained: () => undefined,
    deferred: () => deferred.push(written.join('')),
    makeReceiver: (_context, complete) => {
      completions.push(complete)
      return undefined as unknown as Receiver
    },
    unread: new UnreadBytes(),
  })
  return { box, written, deferred, completions }
}

test('replies behind a pending reply are sent after it, in order', () => {
  const { box, written } = outbox()
  const first = box.deferReply()
  box.push(Buffer.from('b'))
  const second = box.deferReply()
  box.push(Buffer.from('d'))
  second.complete(Buffer.from('c'))
  expect(written).toEqual([])
  first.complete(Buffer.from('a'))
  expect(written).toEqual(['a', 'b', 'c', 'd'])
  expect(box.isEmpty).toBe(true)
})

test('every waiting byte is counted, also of a reply that completed early', () => {
  const { box } = outbox()
  const [first, second] = [box.deferReply(), box.deferReply()]
  box.push(Buffer.alloc(10))
  second.complete(Buffer.alloc(1000))
  expect(box.size).toBe(1010)
  first.complete(Buffer.alloc(100))
  expect(box.size).toBe(0)
})

test('an empty reply sends nothing, and a second completion is ignored', () => {
  const { box, written } = outbox()
  const pending = box.deferReply()
  const silent = box.deferReply()
  pending.complete(Buffer.from('once'))
  pending.complete(Buffer.from('twice'))
  silent.complete(Buffer.alloc(0))
  expect(written).toEqual(['once'])
  expect([box.isEmpty, box.size]).toEqual([true, 0])
})

test('thousands of replies complete one by one while more are added', () => {
  const { box, written } = outbox()
  const pendings = Array.from({ length: 5000 }, () => box.deferReply())
  for (const [i, pending] of pendings.entries()) {
    box.push(Buffer.from(`pushed ${i}`))
    pending.complete(Buffer.from(String(i)))
  }
  expect(written.slice(0, 5000)).toEqual(Array.from({ length: 5000 }, (_, i) => String(i)))
  expect(written.slice(5000)).toEqual(Array.from({ length: 5000 }, (_, i) => `pushed ${i}`))
  expect([box.isEmpty, box.size]).toEqual([true, 0])
})

test('replies are worth waiting for while the next one is on its way from another node', () => {
  const { box, written, deferred, completions } = outbox()
  expect(box.awaitsPeer).toBe(false)
  const [near, far] = [{} as Link, {} as Link]
  const first = box.deferForwardedReply(near, 1)
  box.deferForwardedReply(near, 1)
  const other = box.deferForwardedReply(far, 1)
  expect(box.awaitsPeer).toBe(true)
  first.replies(Buffer.from('1'), 1)
  expect([written, box.awaitsPeer]).toEqual([['1'], true])
  // Not the next one in order: the first node has still to answer.
  other.deferred(far, 1)
  expect([deferred, box.awaitsPeer]).toEqual([[], true])
  first.deferred(near, 2)
  expect([deferred, box.awaitsPeer]).toEqual([['1'], false])
  completions[1](Buffer.from('2'))
  expect([written.join(''), box.awaitsPeer]).toEqual(['12', false])
  completions[0](Buffer.from('3'))
  expect([written.join(''), box.isEmpty]).toEqual(['123', true])
})

test('replies leave in the order of the requests, whatever the order in which two nodes answer', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const draw = seededRandom(seed)
    const random = (): number => draw() / 2 ** 32
    const { box, written, completions } = outbox()
    const links = [{} as Link, {} as Link]
    /** By link: the requests that it has not answered, and the deferred ones whose number is their place in `late`. */
    const asked: { receiver: Receiver; text: string }[][] = [[], []]
    const late: { complete: Completion; text: string }[] = []
    let requests = 0
    const answer = (): void => {
      const node = Math.floor(random() * 2)
      const request = asked[node].shift()
      if (request === undefined) {
        const [deferred] = late.splice(Math.floor(random() * late.length), 1)
        deferred?.complete(Buffer.from(deferred.text))
        return
      }
      if (random() < 0.8) request.receiver.replies(Buffer.from(request.text), 1)
      else {
        request.receiver.deferred(links[node], requests)
        const complete = completions.pop()
        if (complete !== undefined) late.push({ complete, text: request.text })
      }
    }
    while (requests < 300) {
      if (random() < 0.5) answer()
      else {
        const text = `${requests++} `
        const node = Math.floor(random() * 3)
        const link = links[node]
        if (link !== undefined) {
          const context = random() < 0.1 ? 2 : 1
          asked[node].push({ receiver: box.deferForwardedReply(link, context), text })
        } else if (box.isEmpty) written.push(text)
        else if (random() < 0.5) box.push(Buffer.from(text))
        else {
          const place = box.deferReply()
          late.push({ complete: (reply) => place.complete(reply), text })
        }
      }
    }
    while (!box.isEmpty) answer()
    expect(written.join('')).toBe(Array.from({ length: 300 }, (_, i) => `${i} `).join(''))
    expect([box.size, box.awaitsPeer]).toEqual([0, false])
  }
})
