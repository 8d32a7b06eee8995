// Finds the configuration file and reads it: JSON, JavaScript or TypeScript.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, extname, resolve } from 'node:path'
import { ConfigError, type Flags, type ResolvedConfig, resolveLayers, type Variables } from './config.ts'
import { DEFAULT_HTTP_PORT } from './http-settings.ts'
import { show } from './readers.ts'
import { importFresh } from './reload/module.ts'

/** The default names, looked for in the working directory. */
const FILE_NAMES = ['ts', 'mts', 'js', 'mjs', 'json'].map((extension) => `erinys.config.${extension}`)

const NOT_FOUND = ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND']

/** The error of `JSON.parse` with the text around a mistake, and how many characters before it that has. */
const EXCERPT = /^(.*?), (\.{3}|)"(.*)"(?:\.{3})? is not valid JSON$/s
const EXCERPT_BEFORE = 10

/** The command line and the environment. */
export interface Invocation {
  /** The working directory. */
  readonly directory: string
  readonly variables: Variables
  /** The file that `--config` names. */
  readonly file?: string
  readonly flags: Flags
  /** The port of the HTTP gateway if none is configured. */
  readonly httpPort?: number
}

/** A configuration, and the file it came from, if any. */
export interface LoadedConfig extends ResolvedConfig {
  readonly file: string | undefined
}

/**
 * Finds and reads the configuration file, and merges variables and flags into it.
 * @throws ConfigError
 */
export async function loadConfig({
  directory,
  variables,
  file,
  flags,
  httpPort = DEFAULT_HTTP_PORT,
}: Invocation): Promise<LoadedConfig> {
  const named = file ?? (variables.ERINYS_CONFIG || undefined)
  const name = named ?? findConfig(directory)
  if (name === undefined) return { ...resolveLayers({ variables, flags, httpPort }), file: undefined }
  const path = resolve(directory, name)
  const config = await readConfig(path, name)
  const layers = { config, source: name, directory: dirname(path), variables, flags, httpPort }
  return { ...resolveLayers(layers), file: name }
}

function findConfig(directory: string): string | undefined {
  const found = FILE_NAMES.filter((name) => existsSync(resolve(directory, name)))
  if (found.length < 2) return found[0]
  throw new ConfigError(`found ${found.join(' and ')}: keep one, or name one with --config`)
}

/** Reads a configuration file; `name` is its name in messages. */
async function readConfig(path: string, name: string): Promise<unknown> {
  if (!existsSync(path)) throw new ConfigError(`${name}: no such file`)
  if (!statSync(path).isFile()) throw new ConfigError(`${name}: is not a file`)
  const extension = extname(path)
  if (!FILE_NAMES.includes(`erinys.config${extension}`)) {
    throw new ConfigError(
      `${name}: got '${extension}', wants a file that ends in .ts, .mts, .js, .mjs or .json`,
    )
  }
  try {
    return extension === '.json'
      ? parsed(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''))
      : await importDefault(path)
  } catch (error) {
    throw new ConfigError(`${name}: ${reason(error)}`)
  }
}

/** @throws an error without the text around the mistake, which may be a secret: it is logged, and sent to clients */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    const { message } = error as Error
    const [, mistake, dots, excerpt] = EXCERPT.exec(message) ?? []
    if (mistake === undefined) throw error
    const at = json.indexOf(excerpt) + (dots === '' ? 0 : EXCERPT_BEFORE)
    const line = json.slice(0, at).split('\n').length
    throw new SyntaxError(`${mistake} in line ${line}: it is not valid JSON`)
  }
}

async function importDefault(path: string): Promise<unknown> {
  const exported = await importFresh(path)
  const config = 'default' in exported ? exported.default : undefined
  if (config === undefined)
    throw new Error('has no default export, wants `export default defineConfig({ … })`')
  return config
}

/** The message of an error while loading a file, without stacks of the loader. */
function reason(error: unknown): string {
  const { code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: show(error) }
  const text = message
    .replace(/\s*Require stack:.*$/s, '')
    .replace(/\s+/g, ' ')
    .trim()
  if (!NOT_FOUND.includes(code ?? '') || !/'erinys'/.test(text)) return text
  return "cannot find 'erinys': install its packed tarball beside the file, or export the object without defineConfig"
}
