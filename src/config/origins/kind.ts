// A kind of origin in the configuration: its name, and how its fields are read.

import type { z } from 'zod'
import type { Origin } from '../../group/origin.ts'

/** `Config` is the type of a group's `origin` of this kind. */
export interface OriginKind<Config extends { readonly kind: string }> {
  readonly kind: Config['kind']
  /**
   * Validates the fields and creates the origin.
   * @param directory the base of relative paths: the folder of the configuration file
   */
  schema(directory: string): z.ZodType<Origin>
  /** Never set: it exists for type inference. */
  readonly config?: Config
}
