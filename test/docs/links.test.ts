// Every link has a target, every code block says how it is tested, and the README stays short.

import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { blocksOf, type Page, pageOf, pages, project, prose } from './markdown.ts'

/** GitHub's anchors of the headings. */
function anchors(page: Page): readonly string[] {
  return [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}

describe.each(pages)('$path', (page) => {
  const text = prose(page)
  const targets = [
    ...[...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target),
    ...[...text.matchAll(/(?:src|srcset)="([^"]+)"/g)].map(([, target]) => target),
  ].filter((target) => !target.startsWith('https://'))

  test('has links to files and headings that exist', () => {
    for (const target of targets) {
      const [file, anchor] = target.split('#')
      const path = file === '' ? page.path : normalize(join(dirname(page.path), file))
      expect(existsSync(join(project, path)), `${target}: the file`).toBe(true)
      if (anchor !== undefined) expect(anchors(pageOf(path)), `${target}: the heading`).toContain(anchor)
    }
  })

  test('says of every code block how it is tested', () => {
    const fences = [...page.text.matchAll(/^```\w+$/gm)]
    expect(blocksOf(page)).toHaveLength(fences.length)
  })

  test('names scripts that exist', () => {
    for (const [, name] of page.text.matchAll(/npm run ([\w:]+)/g))
      expect(manifest.scripts).toHaveProperty(name)
  })

  test('names source files that exist', () => {
    for (const [, path] of page.text.matchAll(/`((?:src|test|bench)\/[\w./-]+)`/g))
      expect(existsSync(join(project, path)), path).toBe(true)
  })
})

test('every page is reached from the index', () => {
  const index = pageOf('docs/README.md').text
  for (const { path } of pages) {
    if (path === 'README.md' || path === 'docs/README.md') continue
    expect(index, path).toContain(`](${path.slice('docs/'.length)})`)
  }
})

test('the README has at most 300 lines', () => {
  expect(pageOf('README.md').text.split('\n').length - 1).toBeLessThanOrEqual(300)
})
