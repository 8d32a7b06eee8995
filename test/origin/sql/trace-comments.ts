// Statements with the trace of their load as a comment, the same in every database that has a log of statements.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { begin, SpanKind, within } from '../../../src/telemetry/tracing.ts'
import { type RegisteredTracer, startTracing } from '../../support/tracer.ts'
import { context, sqlOrigin, textOf } from './origins.ts'

interface Database {
  readonly url: () => string
  /** Each returns the text of the statement that is running. */
  readonly query: string
  readonly batchQuery: string
  /** Writes it to the row of the key. */
  readonly writeQuery: string
  /** The text that was written to the row 1. */
  readonly written: () => Promise<string>
  /** How many statements the server keeps prepared, if it tells. */
  readonly prepared?: () => Promise<number>
}

const COMMENT = /\/\*traceparent='00-([0-9a-f]{32})-([0-9a-f]{16})-01'\*\/$/

/** The statements that are prepared once: two loads and a write. */
const STATEMENTS = 3

export function traceCommentTests(database: Database): void {
  const { url, query, batchQuery, writeQuery, written, prepared } = database

  describe('the trace as a comment', () => {
    let sdk: RegisteredTracer
    beforeAll(() => {
      sdk = startTracing()
    })
    afterAll(() => sdk.remove())

    const start = (traceComments: boolean) => {
      const origin = sqlOrigin({ url: url(), query, batchQuery, writeQuery, traceComments, pool: 1 })
      onTestFinished(() => origin.close())
      return origin
    }
    /** Runs in a span of its own, and returns its trace. */
    const inSpan = async <Result>(run: () => Promise<Result>): Promise<readonly [Result, string]> => {
      const span = begin('test', SpanKind.INTERNAL, {})
      const result = await within(span?.context, run)
      return [result, sdk.spans.at(-1)?.traceId ?? '']
    }

    test('is in the statements of loads and writes', async () => {
      const origin = start(true)
      const [one, first] = await inSpan(() => textOf(origin, '1'))
      expect(COMMENT.exec(one ?? '')?.[1]).toBe(first)
      const [many, second] = await inSpan(async () => origin.loadMany?.(['1', '2'], context()))
      const texts = ((many ?? []) as readonly unknown[]).map(String)
      expect(texts.map((text) => COMMENT.exec(text)?.[1])).toEqual([second, second])
      const [, third] = await inSpan(async () => origin.store?.('1', Buffer.from(' '), context()))
      expect(COMMENT.exec((await written()).trimEnd())?.[1]).toBe(third)
      for (let i = 0; i < 100; i++) {
        const [text, id] = await inSpan(() => textOf(origin, '1'))
        expect(COMMENT.exec(text ?? '')?.[1]).toBe(id)
      }
      // None of them takes the place of another that is used again.
      if (prepared !== undefined) expect(await prepared()).toBeLessThanOrEqual(STATEMENTS)
    })

    test('is left out of traces that are not sampled, and of all unless it is asked for', async () => {
      const origin = start(true)
      sdk.isSampling = false
      expect((await inSpan(() => textOf(origin, '1')))[0]).not.toContain('traceparent')
      sdk.isSampling = true
      expect(await textOf(origin, '1')).not.toContain('traceparent')
      const other = start(false)
      expect((await inSpan(() => textOf(other, '1')))[0]).not.toContain('traceparent')
    })
  })
}
