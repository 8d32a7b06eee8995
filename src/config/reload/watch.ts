// Watches the configuration file: checks it once a second, and reports a changed content once it is no longer being written.

import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { CancelTimer, Timers } from '../../bytes/clock.ts'

/*
 * The file may be written in place, replaced by a rename, or reached through a symbolic link that is replaced, as that of
 * a ConfigMap in Kubernetes. So the path is resolved again each time, which works on network file systems too, where
 * fs.watch does not. A change counts when two checks in a row find the same file: the writer is done then. While
 * there is no file, the last one applies.
 */

const INTERVAL_MS = 1000

/** The state of a file at a check. */
export interface FileView {
  /** Changes with each write and each replacement; `undefined`: there is no such file. */
  stamp(path: string): Promise<string | undefined>
  /** A digest of the content; `undefined`: it cannot be read. */
  digest(path: string): Promise<string | undefined>
}

export interface ConfigWatchOptions {
  readonly path: string
  readonly timers: Timers
  /** Whether it is to be watched at present. */
  readonly isOn: () => boolean
  /** The content has changed. Checks continue when the promise has resolved. */
  readonly changed: () => Promise<void>
  /** The digest of the content that the node was started with, which may have changed since; by default the present one. */
  readonly known?: string | undefined
  readonly view?: FileView
}

export class ConfigWatch {
  readonly #options: ConfigWatchOptions
  readonly #view: FileView
  /** The digest of the content that was taken over, or tried. */
  #known: string | undefined
  #stamp: string | undefined
  #isSettling = false
  #cancel: CancelTimer | undefined

  private constructor(options: ConfigWatchOptions) {
    this.#options = options
    this.#view = options.view ?? systemView
  }

  /** The digest of the present content, for `known`. */
  static digestOf(path: string): Promise<string | undefined> {
    return systemView.digest(path)
  }

  /** Begins to watch. */
  static async start(options: ConfigWatchOptions): Promise<ConfigWatch> {
    const watch = new ConfigWatch(options)
    const { path, known } = options
    // With a known content, the first checks compare it with the present one.
    if (known === undefined) watch.#stamp = await watch.#view.stamp(path)
    watch.#known = known ?? (await watch.#view.digest(path))
    watch.#lookLater()
    return watch
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #lookLater(): void {
    this.#cancel = this.#options.timers.after(INTERVAL_MS, () => {
      void this.#look().finally(() => {
        if (this.#cancel !== undefined) this.#lookLater()
      })
    })
  }

  async #look(): Promise<void> {
    const { path, isOn, changed } = this.#options
    if (!isOn()) return
    const stamp = await this.#view.stamp(path)
    if (stamp === undefined) return
    if (stamp !== this.#stamp) {
      this.#stamp = stamp
      this.#isSettling = true
      return
    }
    if (!this.#isSettling) return
    const digest = await this.#view.digest(path)
    // It cannot be read yet.
    if (digest === undefined) return
    this.#isSettling = false
    // Touched, or written with the same content.
    if (digest === this.#known) return
    this.#known = digest
    await changed()
  }
}

const systemView: FileView = {
  async stamp(path) {
    const found = await stat(path, { bigint: true }).catch(() => undefined)
    return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`
  },
  async digest(path) {
    const content = await readFile(path).catch(() => undefined)
    return content && createHash('sha256').update(content).digest('hex')
  },
}
