import { expect, test } from 'vitest'
import { createLog } from '../../src/cli/log.ts'
import type { Settings } from '../../src/config/settings.ts'

/** The lines that a log writes. */
function written(
  loglevel: Settings['loglevel'],
  isTerminal: boolean,
  use: (log: ReturnType<typeof createLog>) => void,
): string[] {
  let text = ''
  use(
    createLog(loglevel, isTerminal, {
      write(line) {
        text += line
      },
    }),
  )
  return text.split('\n').slice(0, -1)
}

test.each([
  ['debug', ['trace', 'debug', 'info', 'warn', 'error']],
  ['verbose', ['debug', 'info', 'warn', 'error']],
  ['notice', ['info', 'warn', 'error']],
  ['warning', ['warn', 'error']],
  ['nothing', []],
] as const)('%s', (loglevel, levels) => {
  const lines = written(loglevel, false, (log) => {
    for (const level of ['trace', 'debug', 'info', 'warn', 'error'] as const) log[level]('said')
  })
  expect(lines.map((line) => JSON.parse(line).level)).toEqual(levels)
})

test('one JSON object per line, with fields and the stack of an error', () => {
  const [line] = written('notice', false, (log) =>
    log.error({ key: 'a\nb', err: new Error('boom') }, 'failed'),
  )
  expect(JSON.parse(line)).toEqual({
    level: 'error',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    key: 'a\nb',
    err: { type: 'Error', message: 'boom', stack: expect.stringContaining('log.test.ts') },
    msg: 'failed',
  })
})

test('short text on a terminal', () => {
  const lines = written('notice', true, (log) => {
    log.info({ host: '::1', port: 7000 }, 'listening')
    log.error({ err: new Error('boom') }, 'failed')
  })
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}listening host="::1" port=7000$/)
  expect(lines[1]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} error failed$/)
  expect(lines[2]).toBe('Error: boom')
  expect(lines[3]).toMatch(/^ {4}at /)
})

test('on a terminal, fields that the message names are left out', () => {
  const lines = written('notice', true, (log) => {
    log.info({ host: '::1', port: 7000 }, 'listening on [::1]:7000')
    log.info({ pid: 12, index: 1, maxBytes: 2048 }, 'group users: 2kb')
    log.info({ members: ['a:1', 'b:2'], epoch: 3 }, 'members: a:1 b:2')
    log.info({ port: 700 }, 'port 7000 is in use')
  })
  expect(lines.map((line) => line.slice(19))).toEqual([
    'listening on [::1]:7000',
    'group users: 2kb index=1 maxBytes=2048',
    'members: a:1 b:2 epoch=3',
    'port 7000 is in use port=700',
  ])
})
