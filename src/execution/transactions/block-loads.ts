// The loads that a block needs: all its keys are loaded before it runs, since nothing may run in between.

import type { LoadResult } from '../../group/flights/flight.ts'
import type { Group } from '../../group/group.ts'
import { EXPIRES } from '../../store/record.ts'
import { putValue } from '../../store/value.ts'
import { type Context, within } from '../../telemetry/tracing.ts'
import { CHANGED_IN_EACH, hasZeroTtl, keyName, MAX_ATTEMPTS } from '../loading/load-results.ts'
import type { Block, BlockCommand } from './block.ts'

/** Commands that set or remove their keys regardless of their values; SET only without a condition. */
const REPLACING: ReadonlySet<string> = new Set('set setex psetex mset del unlink'.split(' '))

/** Whether a command of a block needs no values, and leaves none of those that its keys had. */
export function isReplacing({ command, args }: BlockCommand): boolean {
  return REPLACING.has(command.fullName) && command.isRepeatable(args)
}

interface NeededKey {
  readonly group: Group
  readonly key: Buffer
  /** Whether a command changes the loaded value: then it must not be stale. */
  isWrite: boolean
  result: LoadResult | undefined
}

export class BlockLoads {
  readonly #block: Block
  /** Keys that were missing at some time, by group and name. */
  readonly #needed = new Map<Group, Map<string, NeededKey>>()
  readonly #loadsFirst: (entry: BlockCommand) => boolean
  readonly #contextOf: () => Context | undefined
  /** Reads whose keys were counted as hits and misses already, when their loads began. */
  readonly #counted = new Set<BlockCommand>()
  #attempts = 0
  /** Whether the commands on groups that write to their origin have run. */
  #isPartlyRun = false

  /**
   * @param loadsFirst whether a command needs the values of its keys before it runs
   * @param contextOf the context of the loads, called when there are any
   */
  constructor(
    block: Block,
    loadsFirst: (entry: BlockCommand) => boolean,
    contextOf: () => Context | undefined,
  ) {
    this.#block = block
    this.#loadsFirst = loadsFirst
    this.#contextOf = contextOf
  }

  /** Whether the reads of a command are counted as hits and misses already. */
  isCounted(entry: BlockCommand): boolean {
    return this.#counted.has(entry)
  }

  /** The commands on groups that write to their origin have run: only the keys of the others are still needed. */
  partlyRun(): void {
    this.#isPartlyRun = true
  }

  #hasRun({ writes }: Group): boolean {
    return this.#isPartlyRun && writes !== undefined
  }

  /**
   * Loads the keys that are missing now, then calls `done` with an error, or without one when it may be asked for missing
   * keys again. False: no key is missing.
   */
  begin(waitedMs: number, done: (error?: string) => void): boolean {
    const missing = this.#missing()
    if (missing.length === 0) return false
    if (++this.#attempts > MAX_ATTEMPTS) {
      const { name } = missing[0].group
      done(`ORIGIN ${name}: ${CHANGED_IN_EACH}`)
      return true
    }
    let left = missing.length
    let failed: string | undefined
    const context = this.#contextOf()
    for (const needed of missing) {
      const { group, key, isWrite } = needed
      const take = (result: LoadResult): void => {
        needed.result = result
        const { error, isStale } = result
        if (isStale === true && !isWrite) group.rescued++
        if (error !== undefined && (isWrite || isStale !== true)) failed ??= `ORIGIN ${group.name}: ${error}`
        if (--left === 0) done(failed)
      }
      within(context, () => group.load(key, take, isWrite, waitedMs))
    }
    return true
  }

  /** Stores values with a TTL of 0 until the end of this millisecond; to be called right before the block runs. */
  storeTemporarily(): void {
    for (const [group, keys] of this.#needed) {
      if (this.#hasRun(group)) continue
      for (const { key, result } of keys.values()) {
        if (!result?.value || !hasZeroTtl(result) || !group.wouldLoad(key, 0, key.length, true)) continue
        const { store, watchedKeys } = group
        store.deadline[0] = store.now
        watchedKeys.loading(key, result.value)
        putValue(store, key, 0, key.length, result.value, EXPIRES)
        watchedKeys.loaded()
      }
    }
  }

  #missing(): NeededKey[] {
    const missing = new Set<NeededKey>()
    /** Keys that a command of the block has set or removed before. */
    const replaced = new Map<Group, Set<string>>()
    for (const entry of this.#block) {
      const { command, args, group, positions } = entry
      if (group.flights === undefined || positions.length === 0 || this.#hasRun(group)) continue
      const loadsFirst = this.#loadsFirst(entry)
      if (!command.loadsThrough && !loadsFirst) {
        if (isReplacing(entry) && group.writes?.mode !== 'refuse') note(replaced, group, args, positions)
        continue
      }
      let misses = 0
      for (const i of positions) {
        const name = keyName(args, i)
        if (replaced.get(group)?.has(name)) continue
        const needed = this.#missingKey(entry, i, name)
        if (needed === undefined) continue
        if (needed.result === undefined && !missing.has(needed)) misses++
        missing.add(needed)
      }
      if (misses !== 0 && command.loadsThrough && this.#attempts === 0) {
        group.misses += misses
        group.hits += positions.length - misses
        this.#counted.add(entry)
      }
    }
    return [...missing]
  }

  #missingKey({ command, args, group }: BlockCommand, i: number, name: string): NeededKey | undefined {
    const { isWrite } = command
    if (!group.wouldLoad(args.buf, args.start[i], args.end[i], isWrite)) return undefined
    let keys = this.#needed.get(group)
    if (keys === undefined) {
      keys = new Map()
      this.#needed.set(group, keys)
    }
    let needed = keys.get(name)
    if (needed === undefined) {
      needed = { group, key: args.copy(i), isWrite, result: undefined }
      keys.set(name, needed)
    }
    needed.isWrite ||= isWrite
    const { result } = needed
    const isUsable =
      result !== undefined &&
      !result.fenced &&
      (result.value === null || hasZeroTtl(result) || (result.isStale === true && !needed.isWrite))
    return isUsable ? undefined : needed
  }
}

function note(
  replaced: Map<Group, Set<string>>,
  group: Group,
  args: BlockCommand['args'],
  positions: readonly number[],
): void {
  let names = replaced.get(group)
  if (names === undefined) {
    names = new Set()
    replaced.set(group, names)
  }
  for (const i of positions) names.add(keyName(args, i))
}
