// A JSON file as an origin, in the configuration.

import { resolve } from 'node:path'
import { z } from 'zod'
import { systemClock } from '../../bytes/clock.ts'
import type { Origin } from '../../group/origin.ts'
import { FileOrigin } from '../../origin/file.ts'
import type { Shape } from '../../origin/shape.ts'
import { fields, text } from '../readers.ts'
import { identified } from './identity.ts'
import type { OriginKind } from './kind.ts'
import { shape } from './readers.ts'

/** A JSON file as an origin. */
export interface FileOriginConfig {
  /** The kind of the origin. */
  readonly kind: 'file'
  /** The path of a JSON file with one object from keys to values; relative to the folder of the configuration file. */
  readonly path: string
  /**
   * The type of the values. `'hash'`: an object from fields to values. `'list'`, `'set'`: an array. `'sortedset'`: an
   * object from members to scores, or an array of `[member, score]`. Default: `'string'`.
   */
  readonly as?: Shape
}

export const fileKind: OriginKind<FileOriginConfig> = { kind: 'file', schema: fileSchema }

function fileSchema(directory: string): z.ZodType<Origin> {
  const path = text('the path of a JSON file')
  return fields({ kind: z.literal('file'), path, as: shape.optional() }).transform(
    (written, context): Origin => {
      try {
        const path = resolve(directory, written.path)
        return identified(new FileOrigin(path, systemClock, written.as), { path, as: written.as }, {})
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message, path: ['path'] })
        return z.NEVER
      }
    },
  )
}
