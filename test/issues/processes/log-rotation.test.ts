// A log file is rotated: the node has no file to open again, and goes on at the beginning of one that was truncated.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, copyFileSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { compiledMain } from '../../support/compiled.ts'
import { poll } from '../../support/poll.ts'

const folder = mkdtempSync(join(tmpdir(), 'erinys-log-'))
let child: ChildProcess | undefined
afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

test('by copytruncate, while the output is appended', async () => {
  const path = join(folder, 'erinys.log')
  const log = (): string => readFileSync(path, 'utf8')
  const fd = openSync(path, 'a')
  child = spawn(process.execPath, [compiledMain(), '--port', '0'], { stdio: ['ignore', fd, fd], cwd: folder })
  closeSync(fd)
  await poll(() => log().includes('listening on'), 'the node to listen')

  copyFileSync(path, `${path}.1`)
  truncateSync(path)
  child.kill('SIGHUP')
  await poll(() => log().includes('SIGHUP'), 'a line after the rotation')
  for (const line of log().trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg')
  expect(log()).not.toContain('listening on')
  expect(child.exitCode).toBeNull()
})
