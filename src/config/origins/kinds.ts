// The kinds of origins. A new kind is one file in this folder, and one line here.

import { fileKind } from './file.ts'
import { httpKind } from './http.ts'
import type { OriginKind } from './kind.ts'
import { redisKind } from './redis.ts'
import { sqlKind } from './sql.ts'

export const originKinds = [fileKind, sqlKind, httpKind, redisKind] as const

type ConfigOf<Kind> = Kind extends OriginKind<infer Config> ? Config : never

/** An origin with a `kind`. */
export type OriginConfig = ConfigOf<(typeof originKinds)[number]>
