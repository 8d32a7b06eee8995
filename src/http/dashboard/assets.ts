// The files of the page: built from `app/` into `dist/` with the program, and held in memory.

import { readFileSync } from 'node:fs'
import { brotliCompressSync } from 'node:zlib'
import { brotliOptions } from '../responses/compression.ts'
import { entityTag } from '../responses/validators.ts'

/** The folders that the build writes to: beside this module, or in `dist/` when the sources run. */
const FOLDERS = [
  new URL('./assets/', import.meta.url),
  new URL('../../../dist/http/dashboard/assets/', import.meta.url),
]

const TYPES = {
  'index.html': 'text/html; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'app.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const

export type AssetName = keyof typeof TYPES

export interface Asset {
  readonly type: string
  readonly etag: string
  readonly bytes: Buffer
  /** The same, compressed with Brotli. */
  readonly compressed: Buffer
}

/**
 * The page may run its own script, use its own styles and ask its own node; nothing from other hosts, and no frames.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export class Assets {
  readonly #folders: readonly URL[]
  readonly #known = new Map<AssetName, Asset | undefined>()

  /** @param folders the first one that has a file counts */
  constructor(folders: readonly URL[] = FOLDERS) {
    this.#folders = folders
  }

  /** Reads a file when it is first asked for. `undefined`: there is no such file, or it was not built. */
  get(name: string): Asset | undefined {
    if (!Object.hasOwn(TYPES, name)) return undefined
    const asset = name as AssetName
    if (!this.#known.has(asset)) this.#known.set(asset, this.#read(asset))
    return this.#known.get(asset)
  }

  #read(name: AssetName): Asset | undefined {
    for (const folder of this.#folders) {
      try {
        const bytes = readFileSync(new URL(name, folder))
        return {
          type: TYPES[name],
          etag: entityTag(bytes),
          bytes,
          compressed: brotliCompressSync(bytes, brotliOptions(bytes)),
        }
      } catch {
        // Not in this folder.
      }
    }
    return undefined
  }
}
