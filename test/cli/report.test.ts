// The diagnostic report: where it is, and that it has no secrets.

import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { withoutSecrets, writeReport } from '../../src/cli/report.ts'

test('secrets of the command line are left out', () => {
  const args = [
    'node',
    'main.js',
    '--requirepass',
    'hush',
    '--secret=hush',
    '--port',
    '7000',
    '--etcd-password=hush',
  ]
  expect(withoutSecrets(args)).toEqual([
    'node',
    'main.js',
    '--requirepass',
    '…',
    '--secret=…',
    '--port',
    '7000',
    '--etcd-password=…',
  ])
})

test('it is readable for its owner only, has no environment, and goes where it can be written', () => {
  const folder = mkdtempSync(join(tmpdir(), 'erinys-report-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  process.env.ERINYS_REQUIREPASS = 'hush-hush'
  onTestFinished(() => {
    delete process.env.ERINYS_REQUIREPASS
  })
  const path = writeReport(new Date(0), [join(folder, 'missing'), folder])
  expect(dirname(path)).toBe(folder)
  expect(path).toContain('erinys-report-1970-01-01T00-00-00-000Z-')
  const text = readFileSync(path, 'utf8')
  expect(text).not.toContain('hush-hush')
  expect(JSON.parse(text)).toMatchObject({ erinys: {}, header: {}, javascriptHeap: {} })
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(() => writeReport(new Date(0), [join(folder, 'missing')])).toThrow('ENOENT')
})
