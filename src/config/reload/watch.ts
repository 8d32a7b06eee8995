// Watches the configuration file: checks it once a second, and reports a changed content once it is no longer being written.

import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { CancelTimer, Timers } from '../../bytes/clock.ts'

/*
 * The file may be written in place, replaced by a rename, or reached through a symbolic link that is replaced, as that of
 * a ConfigMap in Kubernetes. So the path is resolved again each time, which works on network file systems too, where
 * fs.watch does not. A change counts when two checks in a row find the same file: the writer is done then. While
 * there is no file that can be read, the last one applies; that is reported when two checks in a row have found none.
 */

const INTERVAL_MS = 1000

/** Consecutive failed checks after which the file is reported as unreadable. */
const MIN_FAILURES = 2

/** The state of a file at a check. */
export interface FileView {
  /** Changes with each write, each replacement, and the permissions. @throws if there is no such file */
  stamp(path: string): Promise<string>
  /** A digest of the content. @throws if it cannot be read */
  digest(path: string): Promise<string>
}

export interface ConfigWatchOptions {
  readonly path: string
  readonly timers: Timers
  /** Whether the file is watched now. */
  readonly isOn: () => boolean
  /** The content has changed. Checks continue when the promise has resolved. */
  readonly changed: () => Promise<void>
  /** The file cannot be read any more: it is missing, a folder, or forbidden. */
  readonly unreadable?: (error: Error) => void
  /** It can be read again; `changed` follows if its content is another. */
  readonly readable?: () => void
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
  /** How many checks in a row could not read the file. */
  #failures = 0
  #cancel: CancelTimer | undefined

  private constructor(options: ConfigWatchOptions) {
    this.#options = options
    this.#view = options.view ?? systemView
  }

  /** The digest of the present content, for `known`. */
  static digestOf(path: string): Promise<string | undefined> {
    return systemView.digest(path).catch(() => undefined)
  }

  /** Begins to watch. */
  static async start(options: ConfigWatchOptions): Promise<ConfigWatch> {
    const watch = new ConfigWatch(options)
    const { path, known } = options
    // With a known content, the first checks compare it with the present one.
    if (known === undefined) watch.#stamp = await watch.#view.stamp(path).catch(() => undefined)
    watch.#known = known ?? (await watch.#view.digest(path).catch(() => undefined))
    watch.#lookLater()
    return watch
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #lookLater(): void {
    this.#cancel = this.#options.timers.after(INTERVAL_MS, () => {
      void this.#check().finally(() => {
        if (this.#cancel !== undefined) this.#lookLater()
      })
    })
  }

  async #check(): Promise<void> {
    const { isOn, changed, unreadable } = this.#options
    if (!isOn()) return
    const digest = await this.#look().catch((error: Error) => {
      if (++this.#failures === MIN_FAILURES) unreadable?.(error)
    })
    if (digest === undefined) return
    // Touched, or written with the same content.
    if (digest === this.#known) return
    this.#known = digest
    await changed()
  }

  /** The digest of a content that may have changed and is no longer being written. @throws if it cannot be read */
  async #look(): Promise<string | undefined> {
    const { path } = this.#options
    const stamp = await this.#view.stamp(path)
    if (stamp !== this.#stamp) {
      this.#stamp = stamp
      this.#isSettling = true
      return undefined
    }
    if (!this.#isSettling && this.#failures === 0) return undefined
    const digest = await this.#view.digest(path)
    this.#isSettling = false
    if (this.#failures >= MIN_FAILURES) this.#options.readable?.()
    this.#failures = 0
    return digest
  }
}

const systemView: FileView = {
  async stamp(path) {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
  },
  async digest(path) {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
  },
}
