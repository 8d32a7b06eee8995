// The error replies that the documentation quotes exist in the sources.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pages, project, prose } from './markdown.ts'

const sources = readdirSync(join(project, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(project, 'src', name), 'utf8'))
  .join('\n')

/** Numbers, quoted keys and placeholders are the variable parts of an error's text. */
const VARIABLE = /\bopen for \d+ ms|\d+|\bfor "[^"]*"|"[^"]*"|<[^>]*>|…|[:,]|\bscores\b|\ban object\b/

const quoted = pages.flatMap((page) =>
  [...prose(page).matchAll(/`-(ORIGIN|PEERDOWN|OOM|CLUSTERDOWN|ERR) ([^`]+)`/g)].map(([, , text]) => ({
    page: page.path,
    text,
  })),
)

test.each(quoted)('$page: $text', ({ text }) => {
  const fragments = text.split(VARIABLE).map((part) => part.trim())
  for (const fragment of fragments.filter((part) => part.includes(' ')))
    expect(sources.includes(fragment), fragment).toBe(true)
})
