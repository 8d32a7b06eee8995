// The spans of a forwarded request: one for each way to another node, all children of its command.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Link } from '../../../src/cluster/links/link.ts'
import { ForwardedRequest } from '../../../src/execution/routing/forwarded-request.ts'
import { begin, enableTracing, SpanKind, type TraceHeaders } from '../../../src/telemetry/tracing.ts'
import { Harness } from '../../support/harness.ts'
import { type RegisteredTracer, startTracing } from '../../support/tracer.ts'

let sdk: RegisteredTracer
beforeAll(() => {
  sdk = startTracing()
})
afterAll(() => sdk.remove())
beforeEach(() => {
  sdk.spans.length = 0
})

const REQUEST = Buffer.from('*1\r\n$4\r\nPING\r\n')

/** A request, the replies to its client, and the spans that it has taken to other nodes. */
function forward() {
  const { client, groups } = new Harness()
  const sent: string[] = []
  const linkTo = (peer: string): Link => {
    const link = {
      peer,
      send: () => sent.push(`${peer} without a trace`),
      sendTraced: ({ traceparent }: TraceHeaders) => sent.push(`${peer} ${traceparent.split('-')[2]}`),
    }
    return link as unknown as Link
  }
  const replies: string[] = []
  const forwarded: ForwardedRequest = new ForwardedRequest(
    { client, group: groups[0], protocol: 2, noTouch: false, trace: undefined },
    {
      redirect: (each, request, to) => each.sendOver(linkTo(to), 0, request, 0, request.length),
      retry: (each, request) => each.sendOver(linkTo('other'), 0, request, 0, request.length),
    },
    (reply) => void replies.push(reply.toString()),
  )
  forwarded.traceAs(begin('command', SpanKind.SERVER, {}))
  forwarded.sendOver(linkTo('first'), 0, REQUEST, 0, REQUEST.length)
  return { forwarded, sent, replies }
}

function summary(): unknown[] {
  return sdk.spans.map(({ name, attributes, parent, error, hasEnded }) => {
    const isChild = parent === sdk.spans[0].id
    return [name, attributes['erinys.peer'], isChild, hasEnded ? (error ?? 'done') : 'open']
  })
}

test('a request that is redirected, and then lost, has a hop for each node', () => {
  const { forwarded, sent, replies } = forward()
  expect(summary()).toEqual([
    ['command', undefined, false, 'open'],
    ['erinys.hop', 'first', true, 'open'],
  ])
  forwarded.moved(REQUEST, 'second')
  forwarded.lost(REQUEST, true, 'the link broke')
  expect(summary().at(-1)).toEqual(['erinys.hop', 'other', true, 'open'])
  forwarded.replies(Buffer.from('+PONG\r\n'))
  expect(summary()).toEqual([
    ['command', undefined, false, 'done'],
    ['erinys.hop', 'first', true, 'moved to second'],
    ['erinys.hop', 'second', true, 'the link broke'],
    ['erinys.hop', 'other', true, 'done'],
  ])
  const [, first, second, other] = sdk.spans
  expect(sent).toEqual([`first ${first.id}`, `second ${second.id}`, `other ${other.id}`])
  expect(replies).toEqual(['+PONG\r\n'])
})

test('an error is that of the hop and of the command, also one that this node makes', () => {
  const answered = forward()
  answered.forwarded.replies(Buffer.from('-ERR no\r\n'))
  expect(summary().map((span) => (span as unknown[])[3])).toEqual(['ERR no', 'ERR no'])
  sdk.spans.length = 0
  const failed = forward()
  failed.forwarded.fail('PEERDOWN gone')
  expect(sdk.spans[0].error).toBe('PEERDOWN gone')
  expect(failed.replies).toEqual(['-PEERDOWN gone\r\n'])
})

test('without an SDK it is sent as it is', () => {
  sdk.remove()
  enableTracing()
  const { forwarded, sent, replies } = forward()
  forwarded.replies(Buffer.from('+PONG\r\n'))
  expect(sent).toEqual(['first without a trace'])
  expect(replies).toEqual(['+PONG\r\n'])
  expect(sdk.spans).toEqual([])
})
