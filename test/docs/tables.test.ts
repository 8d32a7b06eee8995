// The tables that describe the sources agree with them.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fill, measuredPages, referencePages } from '../../bench/docs.ts'
import { policyFields } from '../../src/config/describe.ts'
import { defaultPolicies } from '../../src/config/groups.ts'
import * as library from '../../src/index.ts'
import { pageOf, project, section } from './markdown.ts'

describe('generated parts are up to date (npm run docs)', () => {
  const generated = [referencePages(), measuredPages()].flatMap((some) => Object.entries(some))

  test.each(generated)('%s', (path, sections) => {
    const { text } = pageOf(path)
    expect(fill(text, sections)).toBe(text)
  })

  test('a missing section is an error', () => {
    expect(() => fill(pageOf('docs/performance.md').text, { 'bench:nothing': '' })).toThrow(
      'no section bench:nothing',
    )
  })
})

describe('the steps of the read path', () => {
  const steps = (text: string): string[] =>
    [...text.matchAll(/^[ *]*(\d\. .*?\.)(?: +\([^)]*\))?$/gm)].map(([, step]) => step)
  const inSource = steps(readFileSync(join(project, 'src', 'group', 'group.ts'), 'utf8'))

  test.each(['README.md', 'docs/concepts.md'])('of %s are those of the source', (path) => {
    expect(inSource).toHaveLength(7)
    expect(steps(section(pageOf(path), 'read path'))).toEqual(inSource)
  })
})

describe('the policies of a group', () => {
  const table = section(pageOf('docs/configuration.md'), 'policies')

  test('are all described, in the order of the source', () => {
    const source = readFileSync(join(project, 'src', 'config', 'groups.ts'), 'utf8')
    const [written] = source.split('export interface GroupConfig {')[1].split('\n}')
    const known = [...written.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name)
    const shown = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)
    expect(known.length).toBeGreaterThan(0)
    expect(shown).toEqual(known)
  })

  test('have the defaults of the source', () => {
    const cells = table.matchAll(/^\| `(\w+)` \| `?(\w[\w.]*)/gm)
    const shown = [...cells].map(([, field, standard]) => [field, standard])
    const defaults = policyFields(defaultPolicies).map(([field, text]) => [field, text.replace(/^0ms$/, '0')])
    expect(shown).toEqual([['maxBytes', 'maxmemory'], ...defaults, ['origin', 'none']])
  })
})

describe('the fields of origins', () => {
  test.each([
    ['sql', 'SqlOriginConfig'],
    ['http', 'HttpOriginConfig'],
    ['redis', 'RedisOriginConfig'],
  ])('of kind %s are all described', (kind, name) => {
    const source = readFileSync(join(project, 'src', 'config', 'origins', `${kind}.ts`), 'utf8')
    const [written] = source.split(`export interface ${name} {`)[1].split('\n}')
    const known = [...written.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, field]) => field)
    const shown = [...pageOf(`docs/origins/${kind}.md`).text.matchAll(/^\| `(\w+)` \|/gm)]
    const fields = new Set(shown.map(([, field]) => field))
    expect(known.filter((field) => field !== 'kind' && !fields.has(field))).toEqual([])
  })
})

describe('the floors of the sources', () => {
  const page = pageOf('docs/architecture.md')
  const { forbidden } = createRequire(import.meta.url)(join(project, '.dependency-cruiser.cjs')) as {
    readonly forbidden: readonly { readonly name: string }[]
  }
  const enforced = (prefix: string): string[] =>
    forbidden.flatMap(({ name }) => {
      const [, floor, folder] = new RegExp(`^${prefix}-(\\d+)-(\\w+)$`).exec(name) ?? []
      return folder === undefined ? [] : [`${floor} ${folder}`]
    })
  const described = (name: string): string[] =>
    [...section(page, name).matchAll(/^\| (\d+) \| `(\w+)` \|/gm)].map(
      ([, floor, folder]) => `${floor} ${folder}`,
    )

  test('are those that npm run check enforces', () => {
    expect(enforced('floor').length).toBeGreaterThan(0)
    expect(described('floors')).toEqual(enforced('floor'))
  })

  test('and those within the cluster', () => {
    expect(enforced('cluster-floor').length).toBeGreaterThan(0)
    expect(described('cluster floors')).toEqual(enforced('cluster-floor'))
  })
})

describe('the library', () => {
  const { text } = pageOf('docs/embedding.md')

  test.each(Object.keys(library))('exports %s, which is described', (name) => {
    expect(text).toMatch(new RegExp(`\\b${name}\\b`))
  })

  test('has no method of a node that is not described', () => {
    const bodyOf = (path: string, name: string): string =>
      readFileSync(join(project, 'src', path), 'utf8').split(`export class ${name} `)[1]
    const body = bodyOf('node.ts', 'Node') + bodyOf('embedding/calls.ts', 'NodeCalls')
    const methods = [...body.matchAll(/^ {2}(?:async |get )?([a-z]\w*)\(/gm)].map(([, name]) => name)
    const internal = ['constructor', 'start']
    for (const name of methods.filter((each) => !internal.includes(each)))
      expect(text).toMatch(new RegExp(`\`${name}[(\`]`))
  })
})
