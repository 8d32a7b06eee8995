// The pages of the documentation and what they contain.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const project = fileURLToPath(new URL('../..', import.meta.url))

export interface Page {
  /** Relative to the root of the project. */
  readonly path: string
  readonly text: string
}

export const pages: readonly Page[] = [
  'README.md',
  ...readdirSync(join(project, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .sort(),
].map((path) => ({ path, text: readFileSync(join(project, path), 'utf8') }))

/** A fenced block after a comment that says how it is tested: `<!-- example: embed.ts -->`. */
export interface Block {
  readonly page: string
  readonly kind: string
  readonly options: string
  readonly text: string
}

const KINDS =
  'example|output|client|check|session|shell|curl|postgres|cluster config|tls config|picture|new file|change|not run'
const BLOCK = new RegExp(`<!-- (${KINDS})(?:: |, | )?([^\\n]*?) ?-->\\n\`\`\`\\w+\\n(.*?)\`\`\``, 'gs')

export function blocksOf({ path, text }: Page): readonly Block[] {
  return [...text.matchAll(BLOCK)].map(([, kind, options, content]) => ({
    page: path,
    kind,
    options,
    text: content,
  }))
}

export function allBlocks(kind: string): readonly Block[] {
  return pages.flatMap(blocksOf).filter((block) => block.kind === kind)
}

/** The commands after `$` prompts, each with its output. */
export function shellCommands(text: string): readonly { readonly command: string; readonly shown: string }[] {
  return [...text.matchAll(/^\$ (.*)\n((?:[^$].*\n)*)/gm)].map(([, command, shown]) => ({ command, shown }))
}

export function pageOf(path: string): Page {
  const page = pages.find((each) => each.path === path)
  if (page === undefined) throw new Error(`no page ${path}`)
  return page
}

/** The text between `<!-- name -->` and `<!-- /name -->`. */
export function section({ path, text }: Page, name: string): string {
  const [, rest] = text.split(`<!-- ${name} -->`)
  if (rest === undefined) throw new Error(`${path} has no section ${name}`)
  return rest.split(`<!-- /${name} -->`)[0]
}

/** The text without fenced blocks, whose contents are no Markdown. */
export function prose({ text }: Page): string {
  return text.replace(/^```.*?^```$/gms, '')
}
