// The files of deploy/: all YAML is valid, and what they name exists.

import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import manifest from '../../package.json' with { type: 'json' }
import { clusterSettingNames } from '../../src/config/cluster-settings.ts'
import { settingNames, variableName } from '../../src/config/settings.ts'
import { describeWithExecutable } from '../support/executable.ts'

const execute = promisify(execFile)
const deploy = fileURLToPath(new URL('../../deploy', import.meta.url))
const paths = readdirSync(deploy, { recursive: true, encoding: 'utf8' })
const yamlFiles = paths.filter((path) => /\.ya?ml$/.test(path) && !path.includes('templates'))

interface Service {
  readonly volumes?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly build?: { readonly dockerfile: string; readonly context: string }
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>
  readonly image?: string
  readonly read_only?: boolean
}

test.each(yamlFiles)('%s is YAML', (path) => {
  const documents = parseAllDocuments(readFileSync(join(deploy, path), 'utf8'), { uniqueKeys: true })
  expect(documents.length).toBeGreaterThan(0)
  for (const document of documents) expect([...document.errors, ...document.warnings]).toEqual([])
})

const read = <T>(path: string): T =>
  parseAllDocuments(readFileSync(join(deploy, path), 'utf8'))[0].toJS() as T

/** Settings of HTTP have names of their own. */
const isSetting = (name: string): boolean =>
  name.startsWith('ERINYS_HTTP_') ||
  ['ERINYS_CONFIG', ...[...settingNames, ...clusterSettingNames].map(variableName)].includes(name)

test('compose.yaml: what it mounts, builds and waits for is there, and its variables are settings', () => {
  const { services, volumes } = read<{
    services: Readonly<Record<string, Service>>
    volumes: Readonly<Record<string, unknown>>
  }>('compose.yaml')
  expect(Object.keys(services).sort()).toEqual(['erinys', 'grafana', 'postgres', 'prometheus'])
  for (const [name, service] of Object.entries(services)) {
    for (const volume of service.volumes ?? []) {
      const [source] = volume.split(':')
      if (!source.startsWith('.')) expect(volumes).toHaveProperty(source)
      // Dashboards and rules are other files of this folder.
      else if (source !== './grafana')
        expect(existsSync(join(deploy, source)), `${name}: ${source}`).toBe(true)
    }
    const waits = service.depends_on ?? []
    for (const other of Array.isArray(waits) ? waits : Object.keys(waits))
      expect(services).toHaveProperty(other)
    if (service.build !== undefined)
      expect(existsSync(join(deploy, service.build.context, service.build.dockerfile))).toBe(true)
    else expect(service.image, name).toMatch(/:[\w.-]*\d/)
    for (const variable of Object.keys(service.environment ?? {}))
      if (name === 'erinys' && variable.startsWith('ERINYS_'))
        expect(isSetting(variable), variable).toBe(true)
  }
  expect(services.erinys.read_only).toBe(true)
})

test('compose: the configuration of the node is valid', async () => {
  const { loadConfig } = await import('../../src/config/file.ts')
  const directory = join(deploy, 'compose/config')
  const text = readFileSync(join(directory, 'erinys.config.ts'), 'utf8')
  // The package is not installed here.
  const folder = mkdtempSync(join(tmpdir(), 'erinys-compose-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const own = "const [defineConfig, sql] = [(config) => config, (fields) => ({ kind: 'sql', ...fields })]"
  writeFileSync(join(folder, 'erinys.config.ts'), text.replace(/^import .*$/m, own))
  process.env.POSTGRES_URL = 'postgres://erinys:x@postgres/erinys'
  onTestFinished(() => {
    delete process.env.POSTGRES_URL
  })
  const { config } = await loadConfig({ directory: folder, variables: {}, flags: {} })
  expect(config.groups.map(({ name, origin }) => [name, origin?.kind])).toEqual([
    ['users', 'sql'],
    ['sessions', undefined],
  ])
})

test('the chart has the version of the package, and its variables are settings', () => {
  expect(read('helm/erinys/Chart.yaml')).toMatchObject({ appVersion: manifest.version })
  const pods = readFileSync(join(deploy, 'helm/erinys/templates/pods.yaml'), 'utf8')
  const names = [...pods.matchAll(/name: (ERINYS_\w+)/g)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(5)
  for (const name of names) expect(isSetting(name), name).toBe(true)
})

describeWithExecutable(
  'systemd-analyze',
  'the systemd unit',
  (path) => {
    test('is valid', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'erinys-unit-'))
      onTestFinished(() => rmSync(folder, { recursive: true }))
      // The program is where the service manager of this machine finds one.
      const unit = readFileSync(join(deploy, 'systemd/erinys.service'), 'utf8')
      const here = join(folder, 'erinys.service')
      writeFileSync(
        here,
        unit.replace('/usr/bin/node', process.execPath).replace(/^(User|Group)=.*$/gm, '$1=root'),
      )
      const { stderr } = await execute(path, ['verify', '--man=no', here], {
        env: { ...process.env, SYSTEMD_LOG_LEVEL: 'warning' },
      })
      expect(stderr.split('\n').filter((line) => line.includes('erinys'))).toEqual([])
    })
  },
  'systemd',
)
