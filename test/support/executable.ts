// Programs that are not part of the project, such as redis-cli: found on PATH, or their tests are skipped loudly.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'

/**
 * A `describe` whose tests need a program, whose path they are given. Where it is not on PATH they are skipped with
 * a warning, or fail if ERINYS_TEST_REQUIRE names what it is part of: `redis`, where nothing else is said.
 */
export function describeWithExecutable(
  executable: string,
  name: string,
  body: (path: string) => void,
  requirement = 'redis',
): void {
  const path = findExecutable(executable)
  describeIfFound(path, name, executable, requirement, body)
}

/** The same for any program; `required` is the word of ERINYS_TEST_REQUIRE, `wanted` names what is missing. */
export function describeIfFound<T>(
  found: T | undefined,
  name: string,
  wanted: string,
  required: string,
  body: (found: T) => void,
): void {
  if (found !== undefined) {
    describe(name, () => body(found))
  } else if (isRequired(required)) {
    describe(name, () => {
      test(`${wanted} is there`, () => expect.fail(`ERINYS_TEST_REQUIRE asks for ${wanted}`))
    })
  } else {
    console.warn(`SKIPPED: ${name}: ${wanted} is not there`)
    describe.skip(name, () => {
      test(`${wanted} is there`, () => undefined)
    })
  }
}

/** Whether ERINYS_TEST_REQUIRE, a list of words, has this one. */
export function isRequired(word: string): boolean {
  return (process.env.ERINYS_TEST_REQUIRE ?? '').split(/[\s,]+/).includes(word)
}

export interface Execution {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, with `input` as what it reads. */
export async function execute(
  path: string,
  args: readonly string[],
  input: string | Buffer = '',
): Promise<Execution> {
  const child = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const killAtExit = (): unknown => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  // Whoever does not read its input may close it early.
  child.stdin.on('error', () => undefined).end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  process.off('exit', killAtExit)
  return { code, stdout, stderr }
}

/** Looks on PATH, then in other folders. */
export function findExecutable(name: string, ...others: string[]): string | undefined {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...others]) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}
