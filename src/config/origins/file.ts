// A JSON file as an origin, in the configuration.

import { resolve } from 'node:path'
import { z } from 'zod'
import { systemClock } from '../../bytes/clock.ts'
import type { Origin } from '../../group/origin.ts'
import { FileOrigin } from '../../origin/file.ts'
import { fields } from '../readers.ts'
import type { OriginKind } from './kind.ts'
import { text } from './readers.ts'

/** A JSON file as an origin. */
export interface FileOriginConfig {
  /** The kind of the origin. */
  readonly kind: 'file'
  /** The path of a JSON file with one object from keys to values; relative to the folder of the configuration file. */
  readonly path: string
}

export const fileKind: OriginKind<FileOriginConfig> = { kind: 'file', schema: fileSchema }

function fileSchema(directory: string): z.ZodType<Origin> {
  const path = text('the path of a JSON file').transform((value, context): Origin => {
    try {
      return new FileOrigin(resolve(directory, value), systemClock)
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message })
      return z.NEVER
    }
  })
  return fields({ kind: z.literal('file'), path }).transform((written) => written.path)
}
