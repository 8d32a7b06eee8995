// Runs the steps of a Dockerfile without Docker: each stage is a folder, and RUN works in it with relative paths.

import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export interface Instruction {
  readonly name: string
  readonly text: string
}

/** What a stage leaves: its files, and what its last instructions say about running it. */
export interface Stage {
  readonly folder: string
  readonly image: string
  readonly settings: ReadonlyMap<string, string>
}

/** The instructions, without comments; lines that end with a backslash are joined. */
export function instructionsOf(dockerfile: string): readonly Instruction[] {
  const lines = dockerfile.split('\n').filter((line) => !/^\s*#/.test(line))
  return lines
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, text] = /^(\w+)\s+(.*)$/.exec(line) as RegExpExecArray
      return { name, text }
    })
}

/** Runs all stages below `root`. Returns the last one. */
export async function runStages(file: string, context: string, root: string): Promise<Stage> {
  const variables = new Map<string, string>()
  const stages = new Map<string, string>()
  let stage: { folder: string; image: string; settings: Map<string, string> } | undefined
  let place = '/'
  const expand = (text: string): string =>
    text.replace(/\$\{?(\w+)\}?/g, (_, name) => variables.get(name) ?? '')
  const inStage = (path: string): string => join(stage?.folder ?? root, resolve(place, path))
  for (const { name, text } of instructionsOf(readFileSync(file, 'utf8'))) {
    if (name === 'ARG') {
      const [variable, value = ''] = text.split('=')
      variables.set(variable, value)
      continue
    }
    if (name === 'FROM') {
      const [image, , as = `stage${stages.size}`] = expand(text).split(/\s+/)
      stage = { folder: join(root, as), image, settings: new Map() }
      stages.set(as, stage.folder)
      mkdirSync(stage.folder, { recursive: true })
      place = '/'
      continue
    }
    if (stage === undefined) throw new Error(`${name} before FROM`)
    if (name === 'WORKDIR') {
      place = resolve(place, text)
      mkdirSync(inStage('.'), { recursive: true })
    } else if (name === 'COPY') {
      const words = text.split(/\s+/)
      const from = /^--from=(.*)$/.exec(words[0])?.[1]
      const paths = from === undefined ? words : words.slice(1)
      const source = from === undefined ? context : (stages.get(from) as string)
      const to = paths[paths.length - 1]
      for (const path of paths.slice(0, -1)) copy(join(source, path), inStage(to), to.endsWith('/'))
    } else if (name === 'RUN')
      await execute('sh', ['-c', text], { cwd: inStage('.'), env: installEnvironment() })
    else stage.settings.set(name, text)
  }
  if (stage === undefined) throw new Error('no FROM')
  return stage
}

/** As COPY: the content of a folder, or a file, into a folder or to a name. */
function copy(from: string, to: string, isFolder: boolean): void {
  if (!existsSync(from)) throw new Error(`COPY: there is no ${from}`)
  const isInto = isFolder || (statSync(from).isFile() && existsSync(to) && statSync(to).isDirectory())
  cpSync(from, isInto ? join(to, basename(from)) : to, {
    recursive: true,
    dereference: false,
    verbatimSymlinks: true,
  })
}

/** Packages come from npm's cache where it has them. */
function installEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...rest } = process.env
  return { ...rest, npm_config_prefer_offline: 'true', npm_config_update_notifier: 'false' }
}
