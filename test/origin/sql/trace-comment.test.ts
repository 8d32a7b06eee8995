// The trace of a statement as a comment: its format, and that nothing in it can end the comment.

import { context, createTraceState, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withTrace } from '../../../src/origin/sql/trace-comment.ts'
import { type RegisteredTracer, startTracing } from '../../support/tracer.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const TRACEPARENT = `traceparent='00-${traceId}-${spanId}-01'`

let sdk: RegisteredTracer
beforeAll(() => {
  sdk = startTracing()
})
afterAll(() => sdk.remove())

function traced(sql: string, tracestate = '', traceFlags = 1): string {
  // A state of an SDK may not be as clean as that of the API.
  const traceState = { ...createTraceState(''), serialize: () => tracestate }
  const active = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, traceState })
  return context.with(active, () => withTrace(sql))
}

test('the comment stands behind the statement, its fields sorted, their values encoded', () => {
  expect(traced('select 1')).toBe(`select 1 /*${TRACEPARENT}*/`)
  expect(traced('select 1', 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7')).toBe(
    `select 1 /*${TRACEPARENT},tracestate='congo%3Dt61rcWkgMzE%2Crojo%3D00f067aa0ba902b7'*/`,
  )
})

test.each([
  ['select 1;', 'select 1 '],
  ['select 1 ;\n ; ', 'select 1 '],
  ["select ';'", "select ';' "],
  ['select 1 -- one', 'select 1 -- one\n'],
  ['select 1 # one\n', 'select 1 # one\n'],
  ['select 1 /* one */', 'select 1 /* one */ '],
])('%j stays the same statement', (sql, before) => {
  expect(traced(sql)).toBe(`${before}/*${TRACEPARENT}*/`)
})

test.each(['*/ drop table users; --', "'", '\\', '?', ':name', '$1', 'é\n\0', "!'()*"])(
  'the state %j cannot end the comment',
  (state) => {
    const text = traced('select 1', state)
    const [, value] = /^select 1 \/\*traceparent='[-0-9a-f]*',tracestate='([\w%.~-]*)'\*\/$/.exec(text) ?? []
    expect(value).toBeDefined()
    expect(decodeURIComponent(value)).toBe(state)
  },
)

test('a trace that is not sampled, or no trace, leaves the statement as it is', () => {
  expect(traced('select 1;', '', 0)).toBe('select 1;')
  expect(withTrace('select 1;')).toBe('select 1;')
})
