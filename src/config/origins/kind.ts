// What a kind of origin is to the configuration: the name of its kind, and how what a person writes becomes an origin.

import type { z } from 'zod'
import type { Origin } from '../../group/origin.ts'

/** A kind of origin. `Config` is what a person writes in a group's `origin`. */
export interface OriginKind<Config extends { readonly kind: string }> {
  readonly kind: Config['kind']
  /**
   * Reads the written fields and makes the origin.
   * @param directory where relative paths start: the folder of the configuration file
   */
  schema(directory: string): z.ZodType<Origin>
  /** Never set: it carries the type. */
  readonly config?: Config
}
