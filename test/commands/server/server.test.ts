import { describe, expect, test } from 'vitest'
import { artwork } from '../../../src/commands/server/lolwut.ts'
import { Harness } from '../../support/harness.ts'

const error = (message: string) => ({ name: 'ReplyError', message })

test('TIME', async () => {
  const harness = new Harness({ now: 1_700_000_000_123 })
  expect(await harness.call('TIME')).toEqual(['1700000000', '123000'])
})

describe('SHUTDOWN', () => {
  test('ends the node, and sends no reply', async () => {
    for (const args of [[], ['NOSAVE'], ['force'], ['SAVE', 'FORCE']]) {
      const harness = new Harness()
      expect(await harness.raw('SHUTDOWN', ...args)).toBe('')
      expect(harness.host.stopping).toBe('soon')
    }
    const harness = new Harness()
    await harness.raw('SHUTDOWN', 'NOSAVE', 'NOW')
    expect(harness.host.stopping).toBe('now')
  })

  test('rejects options that are not supported', async () => {
    const harness = new Harness()
    const errors: [string[], string][] = [
      [['x'], 'ERR syntax error'],
      [['SAVE', 'NOSAVE'], 'ERR syntax error'],
      [['ABORT', 'NOW'], 'ERR syntax error'],
      [['ABORT'], 'ERR No shutdown in progress.'],
      [
        ['SAVE'],
        'ERR SHUTDOWN SAVE is not possible, this server keeps nothing on disk: use NOSAVE, or FORCE',
      ],
    ]
    for (const [args, text] of errors)
      expect(await harness.call('SHUTDOWN', ...args)).toMatchObject(error(text))
    expect(harness.host.stopping).toBe('no')
  })
})

test('LOLWUT shows a picture and the version', async () => {
  const harness = new Harness()
  const text = String(await harness.call('LOLWUT'))
  expect(text.split('\n').at(-2)).toBe('Redis ver. 7.2.4, Erinys ver. 0.0.0')
  expect(await harness.call('LOLWUT', 'VERSION', 'x')).toMatchObject(
    error('ERR value is not an integer or out of range'),
  )
  expect(artwork(1)).not.toBe(artwork(2))
  expect(artwork(1)).toBe(artwork(1))
})

describe('DEBUG', () => {
  test('SLEEP blocks, and the time has passed afterwards', async () => {
    const harness = new Harness()
    const startedAt = performance.now()
    expect(await harness.call('DEBUG', 'SLEEP', '0.02')).toBe('OK')
    expect(performance.now() - startedAt).toBeGreaterThan(15)
    expect(await harness.call('DEBUG', 'SLEEP', 'x')).toBe('OK')
  })

  test('POPULATE makes keys, and leaves those that exist', async () => {
    const harness = new Harness()
    await harness.call('SET', 'key:1', 'mine')
    expect(await harness.call('DEBUG', 'POPULATE', 3)).toBe('OK')
    expect(await harness.call('MGET', 'key:0', 'key:1', 'key:2', 'key:3')).toEqual([
      'value:0',
      'mine',
      'value:2',
      null,
    ])
    expect(await harness.call('DEBUG', 'POPULATE', 2, 'p', 10)).toBe('OK')
    expect(await harness.call('GET', 'p:1')).toBe('value:1\0\0\0')
    expect(await harness.call('DEBUG', 'POPULATE', 'x')).toMatchObject(
      error('ERR value is out of range, must be positive'),
    )
  })

  test('OBJECT', async () => {
    const harness = new Harness()
    await harness.call('SET', 'n', '12')
    harness.clock.advance(5000)
    expect(await harness.call('DEBUG', 'OBJECT', 'n')).toMatch(
      /^Value at:0x[0-9a-f]{12} refcount:1 encoding:int serializedlength:\d+ lru:\d+ lru_seconds_idle:5$/,
    )
    expect(await harness.call('DEBUG', 'OBJECT', 'none')).toMatchObject(error('ERR no such key'))
  })

  test('SET-ACTIVE-EXPIRE, STRINGMATCH-LEN, ERROR and what does nothing', async () => {
    const harness = new Harness()
    expect(await harness.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0')).toBe('OK')
    expect(harness.host.activeExpiry).toBe(false)
    expect(await harness.call('debug', 'set-active-expire', '1')).toBe('OK')
    expect(harness.host.activeExpiry).toBe(true)
    expect(await harness.call('DEBUG', 'STRINGMATCH-LEN', 'a*', 'abc')).toBe(1)
    expect(await harness.call('DEBUG', 'STRINGMATCH-LEN', 'a*', 'bc')).toBe(0)
    expect(await harness.call('DEBUG', 'ERROR', 'MINE as I say')).toMatchObject(error('MINE as I say'))
    for (const command of ['CHANGE-REPL-ID', 'REPLYBUFFER RESIZING 0', 'REPLYBUFFER PEAK-RESET-TIME NEVER'])
      expect(await harness.call('DEBUG', ...command.split(' '))).toBe('OK')
  })

  test('rejects other subcommands, and clients of other machines', async () => {
    const harness = new Harness()
    for (const command of ['nosuch', 'RELOAD', 'SEGFAULT', 'SLEEP', 'SLEEP 1 2', 'HELP x']) {
      expect(await harness.call('DEBUG', ...command.split(' '))).toMatchObject(
        error(
          `ERR unknown subcommand or wrong number of arguments for '${command.split(' ')[0]}'. Try DEBUG HELP.`,
        ),
      )
    }
    expect(await harness.call('DEBUG', 'JMAP')).toMatchObject(error('ERR DEBUG JMAP is not supported'))
    const remote = new Harness().client
    Object.defineProperty(remote, 'address', { value: '10.0.0.1:4000' })
    expect(await remote.call('DEBUG', 'SLEEP', '0')).toMatchObject({
      message: expect.stringMatching(/^ERR DEBUG command not allowed\. /),
    })
  })
})
