// The sources compiled to JavaScript, for tests that start many processes: they start three times as fast.

import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
/** The folder where modules resolve their imports. */
const CACHE = join(PROJECT, 'node_modules', '.cache', 'erinys')

/** The age at which the results for other states of the sources are deleted, ms. */
const KEPT = 24 * 60 * 60 * 1000

/** The compiled command line as a program and its first arguments. */
export function compiledProgram(): [string, string] {
  return [process.execPath, compiledMain()]
}

/** The compiled command line; types are not checked. */
export function compiledMain(): string {
  const files = readdirSync(join(PROJECT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ file, text: readFileSync(join(PROJECT, 'src', file), 'utf8') }))
  const hash = createHash('sha1')
  for (const { file, text } of files) hash.update(`${file}\0${text}\0`)
  const folder = join(CACHE, hash.digest('hex'))
  const main = join(folder, 'dist', 'main.js')
  if (existsSync(main)) return main
  mkdirSync(CACHE, { recursive: true })
  prune()
  // Other test processes may do the same concurrently.
  const made = mkdtempSync(join(CACHE, 'new-'))
  writeFileSync(join(made, 'package.json'), readFileSync(join(PROJECT, 'package.json')))
  for (const { file, text } of files) {
    const output = join(made, 'dist', file.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(output), { recursive: true })
    writeFileSync(output, compile(text))
  }
  try {
    renameSync(made, folder)
  } catch {
    rmSync(made, { recursive: true })
  }
  return main
}

function compile(text: string): string {
  return ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  }).outputText
}

function prune(): void {
  for (const name of readdirSync(CACHE)) {
    const folder = join(CACHE, name)
    if (Date.now() - statSync(folder).mtimeMs > KEPT) rmSync(folder, { recursive: true, force: true })
  }
}
