// The context that a command's handler receives: one object per node, filled in before each command.

import type { Instant } from '../../bytes/instant.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import type { ReplyWriter } from '../../resp/reply.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { Store } from '../../store/store.ts'
import { type Client, type CompleteReply, deferReply } from './client.ts'
import { WRONG_TYPE } from './errors.ts'
import type { CommandTraits, Host } from './host.ts'
import type { Transactions } from './session/transaction.ts'

/** The wait of a blocking command. Its arguments are those of the command, copied. */
export interface KeyWait {
  /** The positions of the keys: the command continues when one of them has a value of this type. */
  readonly keys: readonly number[]
  readonly type: ValueType
  /** Milliseconds; 0: no timeout. */
  readonly timeoutMs: number
  /**
   * By argument: what it stood for when the command began to wait, if it begins again on another node (`$` of XREAD).
   */
  readonly resolved?: ReadonlyMap<number, string>
  /**
   * The key in argument `i` has a value of the type. Replies with it, or returns false: nothing is written, and the
   * client waits on. The clients that wait for a key are asked in the order in which they came.
   */
  serve(c: Context, i: number): boolean
  /** Writes the reply after the timeout. */
  timedOut(c: Context): void
  /** The key in argument `i` was written and has no value of the type. Replies with an error, or returns false. */
  lost?(c: Context, i: number): boolean
}

/** The clients that wait; implemented by the executor. */
export interface Waits {
  /** Commands that wait on this node, of clients of other nodes, too, and the keys for which they wait. */
  readonly size: number
  readonly keys: number
  /** Defers the reply of the context's command until it can be served. */
  add(wait: KeyWait): void
}

export class Context {
  readonly reply: ReplyWriter
  readonly instant: Instant
  readonly host: Host
  args!: Args
  client!: Client
  command!: CommandTraits
  group!: Group
  /** The keyspace to read: the group's, or a temporary one that holds the result of a fenced load. */
  store!: Store
  /**
   * The command has no reply yet. Set by `read`: a key is neither cached nor known to be absent, and the group has an
   * origin; and by `defer`.
   */
  missed = false
  /** Set by `defer`. */
  isDeferred = false
  /**
   * What completes the deferred reply, and where the writer was then: behind the number of the reply, if it goes to
   * another node. Valid only while `isDeferred`; `undefined`: the command is stalled.
   */
  deferred: CompleteReply | undefined
  deferredAt = 0
  /** Takes the reply of the present command if it was forwarded; `undefined`: it goes to the client. */
  forwarded: CompleteReply | undefined
  /** The loads of this command are complete: a key that is not cached now does not exist. */
  loaded = false
  /** How long the command has waited for its loads, ms. */
  waitedMs = 0
  /** Within EXEC: a command must not wait for anything, and a blocking one acts as if its timeout had passed. */
  inTransaction = false
  /** Set by `stall`. */
  isStalled = false
  /** Set by a command that has applied CLIENT REPLY to its reply itself. */
  keepsReply = false
  transactions!: Transactions
  waits!: Waits
  /** Set during a dry run on a copy of the keys: called with what the command would wait for. */
  wantsToWait: ((wait: KeyWait) => void) | undefined

  constructor(reply: ReplyWriter, instant: Instant, host: Host) {
    this.reply = reply
    this.instant = instant
    this.host = host
  }

  /** The handler ends without a reply. Returns what completes it; the code that defers it counts the call then (`Telemetry`). */
  defer(): CompleteReply {
    this.missed = true
    this.isDeferred = true
    this.deferred = this.forwarded ?? deferReply(this.client)
    this.deferredAt = this.reply.mark()
    return this.deferred
  }

  /** The command has found nothing, and waits for its keys. */
  waitForKeys(wait: KeyWait): void {
    if (this.inTransaction) wait.timedOut(this)
    else if (this.wantsToWait !== undefined) this.wantsToWait(wait)
    else this.waits.add(wait)
  }

  /** Runs a function on the arguments of another command than the one that is running. */
  withArgs<Result>(args: Args, run: () => Result): Result {
    const running = this.args
    this.args = args
    const result = run()
    this.args = running
    return result
  }

  /** The command cannot run yet and has had no effect: the adapter offers it again when the client is resumed. */
  stall(): void {
    this.missed = true
    this.isDeferred = true
    this.deferred = undefined
    this.isStalled = true
  }

  /** Reads argument `i` as a key: counts as an access, and as a hit or miss. `NULL_REF`: reply as for a missing key. */
  read(i: number): Ref {
    const { args, store } = this
    const ref = this.client.noTouch
      ? store.peek(args.buf, args.start[i], args.end[i])
      : store.get(args.buf, args.start[i], args.end[i])
    if (ref !== NULL_REF && (store.records.isPlain(ref) || this.#isServed(ref, i))) {
      if (!this.loaded) this.group.hits++
      else if (!this.command.loadsThrough) this.group.misses++
      return ref
    }
    if (this.loaded) {
      // A read that loads was counted, key by key, when it began to wait for its loads.
      if (!this.command.loadsThrough) this.group.misses++
    } else if (this.group.flights === undefined) this.group.misses++
    else if (ref === NULL_REF || store.records.type(ref) !== ValueType.ABSENT) this.missed = true
    else this.group.negativeHits++
    return NULL_REF
  }

  /**
   * The record of the key in argument `i`, without counting an access (EXISTS, TTL, OBJECT). A stale record exists
   * only for reads that load; a write removes it.
   */
  peek(i: number): Ref {
    const { args, store } = this
    const ref = store.peek(args.buf, args.start[i], args.end[i])
    if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return NULL_REF
    if (!store.records.isStale(ref, this.instant.ms)) return ref
    if (this.command.isWrite) {
      store.remove(ref)
      store.expired++
    }
    return NULL_REF
  }

  /** The record of the key in argument `i`, to be changed: counts as an access, not as a hit or miss. */
  find(i: number): Ref {
    const ref = this.peek(i)
    if (ref !== NULL_REF) this.store.touch(ref)
    return ref
  }

  /** Whether a read may answer with this record, which may be negative or stale; may start a refresh. */
  #isServed(ref: Ref, i: number): boolean {
    const { args, group, store } = this
    if (store.records.type(ref) === ValueType.ABSENT) return false
    if (this.loaded || !store.records.needsRefresh(ref, this.instant.ms)) return true
    if (this.command.isWrite) return !store.records.isStale(ref, this.instant.ms)
    return group.serves(ref, args.buf, args.start[i], args.end[i])
  }

  /** Whether a record has this type; if not, replies WRONGTYPE. */
  holds(ref: Ref, type: ValueType): boolean {
    if (this.store.records.type(ref) === type) return true
    this.reply.error(WRONG_TYPE)
    return false
  }

  /** Writes the value of a record as a bulk string. */
  replyValue(ref: Ref): void {
    const { records } = this.store
    records.locate(ref)
    this.reply.bulk(records.bytes, records.valueStart, records.valueEnd, records.view)
  }

  /** Writes the key of a record as a bulk string. */
  replyKey(ref: Ref): void {
    const { records } = this.store
    records.locateKey(ref)
    this.reply.bulk(records.bytes, records.keyFrom, records.keyTo, records.view)
  }
}
