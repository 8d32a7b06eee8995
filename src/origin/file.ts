// An origin that is a JSON file: one object from key to value.

import { readFileSync, type Stats, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '../bytes/clock.ts'
import type { Origin, OriginValue } from '../group/origin.ts'
import { jsonMembers } from './json-members.ts'
import { type Shape, shapedJson } from './shape.ts'

/** How long the file is assumed unchanged after a check, in ms. */
const LOOK_INTERVAL = 1000

/** Identifies a version of the file without reading it. */
type Stamp = string

/**
 * Reads the file at the start and again when it has changed, which loads notice within a second. While the file is
 * unreadable or invalid every load fails; old values are never returned.
 *
 * @throws Error naming the path, when the file is missing or invalid
 */
export class FileOrigin implements Origin {
  readonly kind = 'file'
  readonly #path: string
  readonly #clock: Clock
  readonly #shape: Shape
  /** The JSON of each value. */
  #values: ReadonlyMap<string, string>
  /** The version of `#values`; undefined after a failure, so that the next load reads again. */
  #stamp: Stamp | undefined
  #lookedAt: number
  #looking: Promise<void> | undefined

  /** @param shape the type of the values */
  constructor(path: string, clock: Clock, shape: Shape = 'string') {
    this.#path = path
    this.#shape = shape
    this.#clock = clock
    try {
      this.#stamp = stampOf(statSync(path))
      this.#values = parse(readFileSync(path, 'utf8'))
    } catch (error) {
      throw new Error(describe(path, error))
    }
    this.#lookedAt = clock.now()
  }

  load(key: string): OriginValue | Promise<OriginValue> {
    const since = this.#clock.now() - this.#lookedAt
    // Also check if the clock was set back.
    if (this.#looking === undefined && this.#stamp !== undefined && since >= 0 && since < LOOK_INTERVAL) {
      return this.#valueOf(key)
    }
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking.then(() => this.#valueOf(key))
  }

  #valueOf(key: string): OriginValue {
    const json = this.#values.get(key)
    return json === undefined ? undefined : shapedJson(json, this.#shape)
  }

  async #look(): Promise<void> {
    const known = this.#stamp
    try {
      // The version is taken before reading: a change in between is noticed at the next check.
      const stamp = stampOf(await stat(this.#path))
      if (stamp !== known) {
        this.#stamp = undefined
        this.#values = parse(await readFile(this.#path, 'utf8'))
        this.#stamp = stamp
      }
      this.#lookedAt = this.#clock.now()
    } catch (error) {
      this.#stamp = undefined
      throw new Error(describe(this.#path, error))
    }
  }
}

function stampOf({ mtimeMs, size, ino }: Stats): Stamp {
  return `${mtimeMs} ${size} ${ino}`
}

/** A Map, since `__proto__` would be special in an object. */
function parse(text: string): ReadonlyMap<string, string> {
  const members = jsonMembers(text)
  if (members === undefined) throw new Error('wants one JSON object, from key to value')
  return members
}

function describe(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return `${path}: no such file`
  if (code === 'EISDIR') return `${path}: is a folder, wants a JSON file`
  if (code !== undefined) return `${path}: cannot be read (${code})`
  return `${path}: ${error instanceof SyntaxError ? `is not JSON: ${message.replace(/\s+/g, ' ')}` : message}`
}
