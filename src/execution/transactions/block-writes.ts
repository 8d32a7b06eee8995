// Blocks in groups that write to their origin: the block is run on scratch copies of its keys first, as single commands are
// (`OriginWrites`), to learn its replies and what it would write.

/*
 * 1. Nothing else writes the keys of the block, nor those that its client watches, until it is done (`Writes.exclusive`).
 * 2. Its keys are loaded, and the watches checked.
 * 3. Dry run: the commands on groups that write run on the scratch copies, in one go.
 * 4. The origin gets the last value of each key that has changed. A key that the block sets twice is written once.
 * 5. What the origin has accepted enters the cache, and the commands on other groups run, in one go. A command whose key
 *    the origin has not accepted replies with the error of the origin instead.
 */

import { copyEntry, type Entry } from '../../commands/keys/entry.ts'
import type { Client } from '../../commands/spec/client.ts'
import type { Group } from '../../group/group.ts'
import type { Watch } from '../../group/watches/watched-keys.ts'
import type { WriteOutcome, Writes } from '../../group/writes/writes.ts'
import { errorReply, isErrorReply } from '../../resp/reply.ts'
import { NULL_REF } from '../../store/arena.ts'
import type { Runner } from '../runner.ts'
import { applyOutcome, type Change, type Retimed, retime } from '../writing/changes.ts'
import { dryRun } from '../writing/dry-run.ts'
import {
  changesOrigin,
  changesTtl,
  givesTtl,
  loadsFirst,
  removesUncached,
  writeError,
} from '../writing/origin-writes.ts'
import type { Block, BlockCommand } from './block.ts'
import { isReplacing } from './block-loads.ts'
import type { BlockRunner } from './block-run.ts'

/** A group that writes, its keys in the block, and what becomes of them. */
interface WritingGroup {
  readonly group: Group
  readonly writes: Writes
  /** By the key as latin1. */
  readonly keys: Map<string, Buffer>
  readonly scratch: { group: Group | undefined }
  /** By key: whether the command that has set it last gives a TTL. */
  readonly hasTtl: Map<string, boolean>
  /**
   * Keys that a command removes or sets whether they are cached or not: they were not loaded, so the origin may have a value
   * that goes if there is none in the end, whichever command removed it.
   */
  readonly removed: Set<string>
  /** By key: the entry that a command has made expire at once. That concerns the cache only. */
  readonly expired: Map<string, Entry>
  changes: readonly Change[]
  retimed: readonly Retimed[]
  outcome: WriteOutcome | undefined
}

export class BlockWrites {
  readonly #block: Block
  readonly #groups: readonly WritingGroup[]
  readonly #replies = new Map<BlockCommand, Buffer>()

  /** `undefined`: the block writes to no origin. */
  static of(block: Block): BlockWrites | undefined {
    const isWriting = block.some(
      ({ command, group, args, positions }) =>
        group.writes !== undefined &&
        (changesOrigin(command, args) ||
          (changesTtl(command) && positions.some((i) => group.writes?.has(args.latin1(i))))),
    )
    return isWriting ? new BlockWrites(block) : undefined
  }

  private constructor(block: Block) {
    this.#block = block
    const byGroup = new Map<Group, WritingGroup>()
    for (const { args, group, positions } of block) {
      const { writes } = group
      if (writes === undefined || positions.length === 0) continue
      let writing = byGroup.get(group)
      if (writing === undefined) {
        writing = {
          group,
          writes,
          keys: new Map(),
          scratch: { group: undefined },
          hasTtl: new Map(),
          removed: new Set(),
          expired: new Map(),
          changes: [],
          retimed: [],
          outcome: undefined,
        }
        byGroup.set(group, writing)
      }
      for (const i of positions) writing.keys.set(args.latin1(i), args.copy(i))
    }
    // All blocks lock groups in the same order, so that they cannot deadlock.
    this.#groups = [...byGroup.values()].sort((a, b) => (a.group.name < b.group.name ? -1 : 1))
  }

  /** Whether a command needs the values of its keys at the origin. */
  static loadsFirst({ args, command, group }: BlockCommand): boolean {
    const isWrite = group.writes !== undefined && changesOrigin(command, args)
    return isWrite ? loadsFirst(command, args) : command.loadsFirst(args)
  }

  /** Runs a function while nothing else writes these keys. */
  exclusive<T>(watch: Watch | undefined, run: () => Promise<T>): Promise<T> {
    return this.#groups.reduceRight<() => Promise<T>>(
      (inner, { group, writes, keys }) =>
        () =>
          writes.exclusive([...keys.values(), ...(watch?.keysOf(group) ?? [])], inner),
      run,
    )()
  }

  /** Steps 3 and 4. Returns an error that replaces the reply. */
  async write(runner: Runner, blocks: BlockRunner, client: Client): Promise<string | undefined> {
    const refusal = this.#dryRun(0, runner, blocks, client)
    if (refusal !== undefined) return refusal
    for (const writing of this.#groups) {
      const { changes, writes } = writing
      if (writes.mode !== 'through' || changes.length === 0) continue
      writing.outcome = await writes.through(changes, (outcome) => outcome)
    }
    return undefined
  }

  /** Step 5, without the commands on other groups. */
  apply(): void {
    for (const writing of this.#groups) {
      const { group, writes, changes, retimed } = writing
      if (changes.length !== 0 && writes.mode === 'behind') {
        const error = writes.enqueue(changes)
        writing.outcome = { taken: error === undefined ? changes : [], unsure: [], error }
      }
      if (writing.outcome !== undefined) applyOutcome(group, changes, writing.outcome)
      for (const each of retimed) retime(group, each)
    }
  }

  /** The reply to a command that ran on scratch copies; `undefined`: it is still to be run. */
  replyOf(entry: BlockCommand): Buffer | undefined {
    const refusal = this.#refusalOf(entry)
    if (refusal !== undefined) return errorReply(refusal)
    const reply = this.#replies.get(entry)
    if (reply === undefined) return undefined
    const { args, group, positions } = entry
    const { changes, outcome } = this.#groups.find((each) => each.group === group) as WritingGroup
    if (outcome?.error === undefined) return reply
    const failed = new Set(
      changes.filter((change) => !outcome.taken.includes(change)).map(({ key }) => key.toString('latin1')),
    )
    const hasFailed = positions.some((i) => failed.has(args.latin1(i)))
    return hasFailed ? errorReply(`ORIGIN ${group.name}: ${outcome.error}`) : reply
  }

  /** Why a command does not run in this block. */
  #refusalOf({ args, command, group }: BlockCommand): string | undefined {
    if (group.writes !== undefined && changesOrigin(command, args)) return writeError(group, command.fullName)
    if (command.spec.wholeKeyspace !== true || !command.isWrite) return undefined
    const { name } = this.#groups[0].group
    return `ERR group ${name} writes to its origin: ${command.fullName.toUpperCase()} is not possible in a transaction that writes there`
  }

  /** Nests one dry run for each group, and runs the commands in the innermost. */
  #dryRun(at: number, runner: Runner, blocks: BlockRunner, client: Client): string | undefined {
    const writing = this.#groups[at]
    if (writing === undefined) {
      this.#runOnScratch(runner, blocks, client)
      return undefined
    }
    const { group, keys, hasTtl, removed, expired } = writing
    const names = [...keys.keys()]
    let refusal: string | undefined
    const result = dryRun(group, [...keys.values()], new Map(), {
      givesTtl: (i) => hasTtl.get(names[i]) === true,
      removesUncached: (i) => removed.has(names[i]),
      expired: (i) => expired.get(names[i]),
      run: (scratch) => {
        writing.scratch.group = scratch
        refusal = this.#dryRun(at + 1, runner, blocks, client)
        return NOTHING
      },
    })
    writing.changes = result.changes
    writing.retimed = result.retimed
    return refusal ?? result.refusal
  }

  #runOnScratch(runner: Runner, blocks: BlockRunner, client: Client): void {
    const { context } = runner
    context.client = client
    context.inTransaction = true
    for (const entry of this.#block) {
      const { args, command, group, positions } = entry
      const writing = this.#groups.find((each) => each.group === group)
      const scratch = writing?.scratch.group
      if (writing === undefined || scratch === undefined || positions.length === 0) continue
      if (this.#refusalOf(entry) !== undefined) continue
      const timed = changesTtl(command) ? entriesOf(scratch, entry) : undefined
      blocks.runOne({ ...entry, group: scratch }, client, true)
      const reply = context.reply.take()
      this.#replies.set(entry, reply)
      if (isErrorReply(reply)) continue
      for (const [name, lasting] of timed ?? []) noteExpired(writing, scratch, name, lasting)
      if (!changesOrigin(command, args)) continue
      for (const i of positions) {
        const name = args.latin1(i)
        writing.hasTtl.set(name, givesTtl(command, args))
        writing.expired.delete(name)
        if (removesUncached(command) || isReplacing(entry)) writing.removed.add(name)
      }
    }
    context.inTransaction = false
  }
}

const NOTHING: Buffer = Buffer.alloc(0)

/** The entries of a command's keys, by key. */
function entriesOf(scratch: Group, { args, positions }: BlockCommand): Map<string, Entry> {
  const entries = new Map<string, Entry>()
  for (const i of positions) {
    const ref = scratch.store.peek(args.buf, args.start[i], args.end[i])
    if (ref !== NULL_REF) entries.set(args.latin1(i), copyEntry(scratch, ref))
  }
  return entries
}

/** A command has changed the TTL of an entry: it may be gone. */
function noteExpired({ keys, expired }: WritingGroup, scratch: Group, name: string, entry: Entry): void {
  const key = keys.get(name) as Buffer
  if (scratch.store.peek(key, 0, key.length) === NULL_REF) expired.set(name, entry)
}
