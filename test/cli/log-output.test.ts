import { expect, test } from 'vitest'
import { LogOutput } from '../../src/cli/log-output.ts'

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code })
}

/** An output whose file descriptor fails, or accepts only some bytes of each call, as `state` says. */
function start() {
  const state = { error: '', most: Number.POSITIVE_INFINITY, calls: 0 }
  let written = ''
  const timers: (() => void)[] = []
  const out = new LogOutput(1, {
    write: (bytes) => {
      state.calls++
      if (state.error !== '') throw failure(state.error)
      const taken = bytes.subarray(0, state.most)
      written += taken
      return taken.length
    },
    later: (run) => timers.push(run),
  })
  out.recovered = (lost, reason) => out.write(`lost ${lost} (${reason})\n`)
  const fire = (): void => {
    for (const run of timers.splice(0)) run()
  }
  return { out, state, fire, text: () => written }
}

test.each(['ENOSPC', 'EPIPE', 'EIO'])(
  '%s: lines are dropped and counted, and the loss is said once',
  (error) => {
    const { out, state, text } = start()
    out.write('a\n')
    state.error = error
    for (let i = 0; i < 3; i++) out.write(`b${i}\n`)
    expect(out.dropped).toBe(3)
    state.error = ''
    out.write('c\n')
    out.write('d\n')
    expect(text()).toBe(`a\nc\nlost 3 (${error})\nd\n`)
    expect(out.dropped).toBe(3)
  },
)

test('a full pipe gets the lines later, in order', () => {
  const { out, state, fire, text } = start()
  state.error = 'EAGAIN'
  out.write('a\n')
  out.write('b\n')
  fire()
  state.error = ''
  fire()
  out.write('c\n')
  expect([text(), out.dropped]).toEqual(['a\nb\nc\n', 0])
})

test('a reader that has stopped costs bounded memory and time', () => {
  const { out, state, fire, text } = start()
  state.error = 'EAGAIN'
  const line = `${'x'.repeat(1023)}\n`
  for (let i = 0; i < 2000; i++) out.write(line)
  expect(out.dropped).toBe(2000 - 1024)
  expect(state.calls).toBe(1)
  state.error = ''
  fire()
  expect(text()).toBe(`${line.repeat(1024)}lost 976 (its reader does not read)\n`)
})

test('a line that was written in part is not continued by another one', () => {
  const { out, state, text } = start()
  state.most = 3
  out.write('abcdefgh\n')
  expect(text()).toBe('abcdefgh\n')
})

test('a line that was cut by an error is ended', () => {
  let written = ''
  const outcomes: (number | string)[] = [3, 'ENOSPC']
  const out = new LogOutput(1, {
    write: (bytes) => {
      const outcome = outcomes.shift() ?? bytes.length
      if (typeof outcome === 'string') throw failure(outcome)
      written += bytes.subarray(0, outcome)
      return outcome
    },
  })
  out.recovered = (lost, reason) => out.write(`lost ${lost} (${reason})\n`)
  out.write('abcdefgh\n')
  out.write('next\n')
  expect(written).toBe('abc\nnext\nlost 1 (ENOSPC)\n')
})

test('what waits is written when the process exits', () => {
  const { out, state, text } = start()
  state.error = 'EAGAIN'
  out.write('a\n')
  state.error = ''
  out.flushSync()
  expect(text()).toBe('a\n')
})
