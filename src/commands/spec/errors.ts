// Error replies that several commands give, in Redis's words.

import type { Args } from '../../resp/args.ts'

export const SYNTAX_ERROR = 'ERR syntax error'
export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range'
export const NOT_A_FLOAT = 'ERR value is not a valid float'
export const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
export const STRING_TOO_LONG = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)'
export const NO_SUCH_KEY = 'ERR no such key'
export const INDEX_OUT_OF_RANGE = 'ERR DB index is out of range'
/** INVALIDATE and GROUP FLUSH on a node cut off from the majority: only reachable nodes have dropped the entries. */
export const CUT_OFF =
  'PEERDOWN most of the other nodes cannot be reached from here, and may not have dropped it: repeat it when INFO cluster shows them'
/** A node has run a flush, and is passing it on to nodes that have just received slots: PEER FLUSHED says when it is done. */
export const PASSING_FLUSH =
  'TRYAGAIN the flush is being passed on to nodes that were just given slots: repeat it'
/** A node has not run a flush, as it is paused or asks whether it was declared dead. The node that has sent it repeats it. */
export const FLUSH_LATER = 'TRYAGAIN the flush cannot run yet on a node that is paused: repeat it'
/** A group with `onPartition: 'refuse'`. Redis's code for a node that does not reach a majority. */
export const NO_MAJORITY =
  'CLUSTERDOWN this node holds no leases of a majority of the members, so the group refuses: ask another node, or see CLUSTER INFO'
/** A client sent a command that only nodes may send. */
export const NOT_A_PEER = 'NOPERM only nodes of the cluster may send this: they prove its secret first'
/** A peer's request for a group that this node does not have: their configurations differ. */
export const UNKNOWN_PEER_GROUP =
  'PEERDOWN the owner of the key has no group of this name: configure the same groups on all nodes, and reload those that differ'
/** A handler threw an exception; the log has it. */
export const INTERNAL_ERROR = 'ERR internal error'
/** The reply to a deferred command whose client has disconnected: nobody reads it, but it completes the command. */
export const CLIENT_GONE = 'ERR the client is gone'
export const CLUSTER_DISABLED = 'ERR This instance has cluster support disabled'

/** @param name the full name of a command: 'config|get' */
export function wrongArguments(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`
}

/** The reply of a container to an unknown subcommand, or to a wrong number of arguments. */
export function wrongSubcommand(container: string, name: string): string {
  return `ERR unknown subcommand or wrong number of arguments for '${name.slice(0, 128)}'. Try ${container} HELP.`
}

/** An entry that alone exceeds the group's budget is refused, and nothing is evicted for it. */
export function tooLarge(maxBytes: number): string {
  return `OOM the entry alone exceeds the group's budget of ${maxBytes} bytes: raise its maxBytes, or split the value`
}

/** Error replies quote at most this many characters of a request (Redis: 128). */
export const MAX_SHOWN = 128

/** Redis: `ERR unknown command 'foo', with args beginning with: 'a' 'b' `, one character per byte. */
export function unknownCommand(args: Args): string {
  let beginning = ''
  for (let i = 1; i < args.count && beginning.length < MAX_SHOWN; i++) {
    beginning += `'${printable(args, i, MAX_SHOWN - beginning.length)}' `
  }
  return `ERR unknown command '${printable(args, 0, MAX_SHOWN)}', with args beginning with: ${beginning}`
}

/** The first `maxBytes` bytes of an argument, on one line: one character per byte, to be written as `latin1`. */
export function printable(args: Args, i: number, maxBytes: number): string {
  return args.latin1(i, maxBytes).replace(/[\r\n]/g, ' ')
}
