// Programs that are not part of the project, such as redis-cli: found on PATH, or their tests are skipped with a warning.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'

/**
 * A `describe` whose tests need a program, and get its path. If it is not on PATH they are skipped with
 * a warning, or fail if ERINYS_TEST_REQUIRE names its package: by default `redis`.
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

/** The same for any program; `required` is its word in ERINYS_TEST_REQUIRE, `wanted` its name in messages. */
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
      test(`${wanted} is available`, () => expect.fail(`ERINYS_TEST_REQUIRE asks for ${wanted}`))
    })
  } else {
    console.warn(`SKIPPED: ${name}: ${wanted} is not there`)
    describe.skip(name, () => {
      test(`${wanted} is available`, () => undefined)
    })
  }
}

/** Whether the list ERINYS_TEST_REQUIRE contains this word. */
export function isRequired(word: string): boolean {
  return (process.env.ERINYS_TEST_REQUIRE ?? '').split(/[\s,]+/).includes(word)
}

export interface Execution {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, with `input` on its standard input. */
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
  // A program that does not read its input may close it early.
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
