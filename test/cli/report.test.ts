// The diagnostic report: where it is, and that it has no secrets.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
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

test('reports of threads have no secrets either', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'erinys-report-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const script = join(folder, 'main.mts')
  writeFileSync(
    script,
    `import { once } from 'node:events'
    import { Worker } from 'node:worker_threads'
    import { writeReport } from ${JSON.stringify(new URL('../../src/cli/report.ts', import.meta.url).href)}
    const worker = new Worker('setInterval(() => undefined, 1000)', { eval: true })
    await once(worker, 'online')
    console.log(writeReport(new Date(0), [${JSON.stringify(folder)}]))
    process.exit()`,
  )
  const tsx = createRequire(import.meta.url).resolve('tsx')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      '--import',
      pathToFileURL(tsx).href,
      script,
      '--requirepass',
      'hush-hush',
      '--tls-key-file-pass=hush-hush',
    ],
    { env: { ...process.env, ERINYS_SECRET: 'hush-hush' } },
  )
  const text = readFileSync(stdout.trim(), 'utf8')
  expect(JSON.parse(text).workers.length).toBeGreaterThan(0)
  expect(text).not.toContain('hush-hush')
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
