// Imports the module of a configuration, and the files that it imports, as they are on the disk now.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Jiti } from 'jiti'
import { isObject } from '../readers.ts'

/*
 * jiti compiles TypeScript in this process. What needs no compiling it leaves to Node.js, which keeps an ES module for as
 * long as the process runs: a changed `.mjs`, or `.js` in a package of "type": "module", would stay what it was. So local
 * modules are evaluated here, the imported ones first, each of them once. Packages, such as `erinys`, are loaded by Node.js
 * itself: there is one instance of each. `import('./…')` becomes a call that evaluates such a module when it is reached. It is
 * looked for in what jiti has compiled: there, an import of types (`typeof import('./…')`) and a comment are none any more.
 */

/** A static import or export of a local file, at the beginning of a line. */
const LOCAL_IMPORT = /^\s*(?:(?:import|export)\b[^'"();]*?\bfrom\s*|import\s*)(['"])(\.{1,2}\/[^'"]+)\1/gm

/** A dynamic import of a local file, as jiti compiles it. */
const LATER_IMPORT = /\.then\(\(\) => jitiImport\(\s*(['"])(\.{1,2}\/[^'"]+)\1\s*\)\)/g
/** One in the source, or something like it. */
const MAY_IMPORT_LATER = /\bimport\s*\(/

/** Where modules find the function that imports for them, by their paths. */
const IMPORTERS = Symbol.for('erinys.importers')

const BLOCK_COMMENT = /\/\*[\s\S]*?\*\//g

const MODULES: ReadonlySet<string> = new Set(['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'])

const TYPESCRIPT: ReadonlySet<string> = new Set(['.ts', '.mts', '.cts'])

const { cache: required } = createRequire(import.meta.url)

type Exports = Readonly<Record<PropertyKey, unknown>>
type Evaluated = NonNullable<NonNullable<Parameters<Jiti['evalModule']>[1]>['cache']>

/** Returns the exports of a module; of CommonJS as `default`. @throws if it cannot be read or compiled, or throws itself */
export async function importFresh(path: string): Promise<Exports> {
  const { createJiti } = await import('jiti')
  const jiti = createJiti(import.meta.url, { fsCache: false, moduleCache: false, interopDefault: false })
  const exported = await evaluate(jiti, path, {})
  if (!isObject(exported)) return { default: exported }
  const isCommon = !('__esModule' in exported) && Object.keys(exported).length > 0
  return isCommon ? { default: exported } : exported
}

type Importers = Record<string, (specifier: string) => Promise<Exports>>

function importers(): Importers {
  const all = globalThis as { [IMPORTERS]?: Importers }
  all[IMPORTERS] ??= {}
  return all[IMPORTERS]
}

/** @param evaluated the modules by their paths */
async function evaluate(jiti: Jiti, path: string, evaluated: Evaluated): Promise<Exports> {
  const module: { exports?: Exports } = {}
  // For modules that it imports and that import it: its exports, once it has them.
  const early = new Proxy({}, { get: (_, name) => (name === '__esModule' ? true : module.exports?.[name]) })
  evaluated[path] = { exports: early } as Evaluated[string]
  const source = readFileSync(path, 'utf8')
  for (const [, , specifier] of source.replace(BLOCK_COMMENT, '').matchAll(LOCAL_IMPORT)) {
    const url = jiti.esmResolve(specifier, { parentURL: pathToFileURL(path), try: true })
    if (url === undefined) continue
    const imported = url.startsWith('file:') ? fileURLToPath(url) : url
    if (MODULES.has(extname(imported)) && !(imported in evaluated)) await evaluate(jiti, imported, evaluated)
    // Kept by Node.js, too.
    if (extname(imported) === '.json') delete required[imported]
  }
  const running = new Map<string, Promise<Exports>>()
  importers()[path] = async (specifier) => {
    const imported = fileURLToPath(jiti.esmResolve(specifier, { parentURL: pathToFileURL(path) }))
    if (!(imported in evaluated)) running.set(imported, evaluate(jiti, imported, evaluated))
    return namespaceOf((await running.get(imported)) ?? (evaluated[imported].exports as Exports))
  }
  const options = { filename: path, ext: extname(path), async: true, forceTranspile: true, cache: evaluated }
  const compiled = MAY_IMPORT_LATER.test(source)
    ? jiti.transform({ source, filename: path, ts: TYPESCRIPT.has(extname(path)), async: true })
    : source
  const later = compiled.replace(LATER_IMPORT, (whole, _quote, specifier: string) =>
    MODULES.has(extname(specifier))
      ? `.then(() => globalThis[Symbol.for('${IMPORTERS.description}')][${JSON.stringify(path)}](${JSON.stringify(specifier)}))`
      : whole,
  )
  try {
    module.exports = (await jiti.evalModule(later, options)) as Exports
  } catch (error) {
    delete evaluated[path]
    throw error
  }
  return module.exports
}

/** What a dynamic import gives: the exports of CommonJS are `default` as well. */
function namespaceOf(exported: Exports): Exports {
  return '__esModule' in exported ? exported : { ...exported, default: exported }
}
