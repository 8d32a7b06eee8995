// The specification of a command: data beside its handler. Routing, COMMAND, COMMAND DOCS and docs/commands.md derive
// from it.

import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import type { Context } from './context.ts'

/** Redis's command flags, as COMMAND shows them. */
export type CommandFlag =
  | 'admin'
  | 'allow_busy'
  | 'blocking'
  | 'denyoom'
  | 'fast'
  | 'loading'
  | 'movablekeys'
  | 'no_async_loading'
  | 'no_auth'
  | 'no_multi'
  | 'noscript'
  | 'protected'
  | 'readonly'
  | 'skip_monitor'
  | 'skip_slowlog'
  | 'stale'
  | 'write'

/** Redis's documentation groups. */
type CommandGroup =
  | 'string'
  | 'bitmap'
  | 'hyperloglog'
  | 'hash'
  | 'list'
  | 'set'
  | 'sorted-set'
  | 'geo'
  | 'stream'
  | 'generic'
  | 'transactions'
  | 'connection'
  | 'server'
  | 'cluster'
  | 'erinys'

/** Flags of a key specification (Redis: key-specs), as COMMAND and GETKEYSANDFLAGS show them. */
export type KeyFlag =
  | 'RO'
  | 'RW'
  | 'OW'
  | 'RM'
  | 'access'
  | 'update'
  | 'insert'
  | 'delete'
  | 'not_key'
  | 'variable_flags'

/** Where the keys stand among the arguments; the command name is argument 0. */
export interface KeySpec {
  /**
   * The first key's position; with `counted`, that of their number; with `keyword`, where the search for it begins
   * (negative: from the end, backwards).
   */
  readonly first: number
  /** The last key's position; negative: counted from the end (-1 is the last argument). */
  readonly last: number
  readonly step: number
  readonly flags: readonly KeyFlag[]
  /** The keys stand behind their number. The command needs `findKeys`. */
  readonly counted?: true
  /** The keys stand behind this word. The command needs `findKeys`. */
  readonly keyword?: string
  /** With `keyword`: the keys are only the first one of this many equal parts. */
  readonly limit?: number
  /** Clients have no rule for their positions or names. The command needs `findKeys`. */
  readonly unknown?: true
}

/** One argument as COMMAND DOCS describes it, from which redis-cli makes its hints. */
export interface ArgumentSpec {
  readonly name: string
  readonly type:
    | 'string'
    | 'integer'
    | 'double'
    | 'key'
    | 'pattern'
    | 'unix-time'
    | 'pure-token'
    | 'oneof'
    | 'block'
  readonly token?: string
  /** What redis-cli's hint shows instead of the name. */
  readonly display?: string
  readonly since?: string
  readonly deprecatedSince?: string
  readonly optional?: true
  readonly multiple?: true
  /** With `multiple`: the token is repeated too. */
  readonly multipleToken?: true
  readonly arguments?: readonly ArgumentSpec[]
}

/**
 * How a command treats a key that is not cached, in a group with an origin.
 * `through`: a read that loads the key and replies with the loaded value. It runs at once; on a miss its reply is
 * discarded and it runs again after the load, so it must have no effect before it has read all its keys.
 * `first`: a read-modify-write; all its keys are loaded before it runs.
 * Without it the command sees only what is cached. A function decides by the arguments, which it must not keep.
 */
type LoadMode = 'through' | 'first'

/**
 * How replies of all nodes are merged: their sum, all elements, OK from all, any that is not nil, or node by node with a
 * cursor.
 */
export type FanOut = 'sum' | 'list' | 'ok' | 'any' | 'cursor'

/** The argument with the timeout of a command, and its unit. */
export interface TimeoutArgument {
  readonly at: number
  readonly unitMs: 1 | 1000
}

export interface CommandSpec {
  /** In lower case. A subcommand has its own name only ('setname'). */
  readonly name: string
  /** Number of arguments, the command's and subcommand's names included; negative: the minimum (Redis: arity). */
  readonly arity: number
  readonly flags: readonly CommandFlag[]
  /** Redis's ACL categories without '@'. */
  readonly categories: readonly string[]
  readonly keys?: readonly KeySpec[]
  readonly load?: LoadMode | ((args: Args) => LoadMode | undefined)
  /**
   * How the replies are merged when the keys have several owners: one value per key, the sum, or OK. Without it,
   * keys of several owners are refused with CROSSSLOT.
   */
  readonly merge?: 'values' | 'sum' | 'ok'
  /**
   * How a command without keys merges the replies of all nodes. Without it, the command concerns this node only. A
   * function decides by the arguments; where it returns none, the command has keys.
   */
  readonly fanOut?: FanOut | ((args: Args) => FanOut | undefined)
  /** No hot copy answers it: its cursor is a position in the value of the owner. */
  readonly hasCursor?: true
  /** Arguments placed before the keys in the part of a split command that is sent to one owner. */
  readonly partHead?: (args: Args) => readonly string[]
  /** An idempotent write: it may be sent again when its reply was lost. A function decides by the arguments. */
  readonly repeatable?: true | ((args: Args) => boolean)
  /** Runs on the node that received it, whichever node owns its key. */
  readonly isLocal?: true
  /** The timeout of a command that may wait for keys. `undefined`: it does not wait. */
  readonly timeout?: (args: Args) => TimeoutArgument | undefined
  /** Reads or changes more than its keys (KEYS, FLUSHDB, SWAPDB): it waits for all earlier commands of its connection. */
  readonly wholeKeyspace?: true
  readonly summary: string
  readonly since: string
  readonly group: CommandGroup
  readonly complexity: string
  /** Hints for clients and proxies (Redis: command tips), such as 'nondeterministic_output'. */
  readonly tips?: readonly string[]
  /** Changes by version of Redis, for COMMAND DOCS. */
  readonly history?: readonly (readonly [version: string, change: string])[]
  readonly deprecated?: { readonly since: string; readonly replacedBy: string }
  /** For operators and tools, not for applications. */
  readonly isSystem?: true
  /** Refused at the node of the client, so that no node forwards it on a connection that other nodes trust. */
  readonly isForPeers?: true
  readonly arguments?: readonly ArgumentSpec[]
  readonly subcommands?: readonly CommandSpec[]
  /**
   * For a command whose key positions depend on its arguments; `keys` then describes the usual ones. With `thatItReads`,
   * those that it only overwrites may be left out.
   */
  readonly findKeys?: (context: Context, thatItReads: boolean) => number[]
  /** For a command with the key flag 'variable_flags': how these arguments use the key in argument `i`. */
  readonly findKeyFlags?: (args: Args, i: number) => readonly KeyFlag[]
  /**
   * The groups that it uses, where these are not the selected one only. Without it, a command that has keys, or is put
   * together from all nodes, uses the selected group, and any other command none.
   */
  readonly groups?: (context: Context, selected: Group) => readonly (Group | undefined)[]
  /** The option by which it reads keys that it does not name: its user must be allowed to read every key. */
  readonly readsAnyKey?: (args: Args) => string | undefined
  /** A write whose parts fence the running loads of their keys themselves. */
  readonly fencesItself?: true
  /** Positions of arguments that MONITOR and the slow log must not show. */
  readonly secrets?: (args: Args) => readonly number[]
  run(context: Context): void
}
