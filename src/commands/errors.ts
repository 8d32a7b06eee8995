// Error replies that several commands give, in Redis's words.

export const SYNTAX_ERROR = 'ERR syntax error'
export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range'
export const NOT_A_FLOAT = 'ERR value is not a valid float'
export const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
export const STRING_TOO_LONG = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)'
export const NO_SUCH_KEY = 'ERR no such key'
export const INDEX_OUT_OF_RANGE = 'ERR DB index is out of range'

/** What a container answers about a subcommand, as it was written, with too many arguments. */
export function wrongSubcommand(container: string, name: string): string {
  return `ERR unknown subcommand or wrong number of arguments for '${name.slice(0, 128)}'. Try ${container} HELP.`
}

/** An entry that alone exceeds the group's budget is refused, and nothing is evicted for it. */
export function tooLarge(maxBytes: number): string {
  return `OOM the entry alone exceeds the group's budget of ${maxBytes} bytes`
}
