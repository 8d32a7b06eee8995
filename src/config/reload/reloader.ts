// Applies a configuration while a node runs: all parts of it at once, or none.

import { ReloadError } from '../../commands/spec/host.ts'
import { OriginError } from '../../group/policy.ts'
import { ConfigError, type NodeConfig } from '../config.ts'
import { overcommitted } from '../describe.ts'
import type { PreparedChange, Reloadable } from './reloadable.ts'

/*
 * 1. The configuration is read and checked as a whole.
 * 2. Each part prepares: it reads certificates, starts new origins. Anything wrong ends the reload here.
 * 3. Each part is asked whether its change may be applied now: nothing has changed so far.
 * 4. All parts apply their changes, in one go: no command runs in between.
 * 5. What was replaced ends its work and is closed, in the background.
 */

export interface ReloaderOptions {
  /** Applied in this order. */
  readonly parts: readonly Reloadable[]
  /** The reason why nothing may change now, such as a node that closes; `undefined`: there is none. */
  readonly refusal: () => string | undefined
}

export class Reloader {
  readonly #options: ReloaderOptions
  /** Reloads run one after another. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ReloaderOptions) {
    this.#options = options
  }

  /**
   * Applies what `read` returns; with `isTrial`, only steps 1 to 3. Resolves to the changes, one line for each.
   * @throws ReloadError if it cannot be applied: then nothing has changed
   */
  reload(read: () => Promise<NodeConfig> | NodeConfig, isTrial = false): Promise<readonly string[]> {
    const run = this.#last.then(() => this.#reload(read, isTrial))
    this.#last = run.catch(() => undefined)
    return run
  }

  async #reload(read: () => Promise<NodeConfig> | NodeConfig, isTrial: boolean): Promise<readonly string[]> {
    const prepared: PreparedChange[] = []
    try {
      const next = await read()
      const excess = overcommitted(next)
      if (excess !== undefined) throw new ConfigError(excess)
      for (const part of this.#options.parts) prepared.push(await part.prepare(next))
      const problems = prepared.flatMap((change) => change.problems?.() ?? [])
      const refusal = this.#options.refusal()
      if (refusal !== undefined) problems.push(refusal)
      if (problems.length > 0) throw new ReloadError(problems)
    } catch (error) {
      await discard(prepared)
      throw reloadError(error)
    }
    if (isTrial) await discard(prepared)
    else for (const change of prepared) change.apply()
    return prepared.flatMap(({ lines }) => lines)
  }
}

async function discard(prepared: readonly PreparedChange[]): Promise<void> {
  await Promise.allSettled(prepared.map(async (change) => change.discard?.()))
}

/** An error that an operator can correct is a `ReloadError`. */
function reloadError(error: unknown): unknown {
  if (error instanceof ConfigError) return new ReloadError(error.problems)
  return error instanceof OriginError ? new ReloadError([error.message]) : error
}
