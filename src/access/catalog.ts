// The interface of the command table towards the access rules.

/** A command's use of a key: a sum of these. 0: it only asks whether the key exists, its type or its size. */
export const READ = 1
export const WRITE = 2
export const READ_AND_WRITE = 3

/** A command or subcommand. */
export interface CataloguedCommand {
  /** Its number among all commands and subcommands, from 0. */
  readonly id: number
  /** 'get', 'client|setname'. */
  readonly fullName: string
  /** Without '@'. */
  readonly categories: readonly string[]
  readonly subcommands: ReadonlyMap<string, CataloguedCommand>
  /** Everybody may run it: it serves to authenticate. */
  readonly needsNoAuth: boolean
  /** How it uses its keys, all uses together; without options that use them in other ways. */
  readonly keyAccess: number
  /** Whether it works on groups. */
  readonly worksOnGroups: boolean
}

export interface CommandCatalog {
  /** Without subcommands. */
  readonly all: readonly CataloguedCommand[]
  /** Of commands and subcommands. */
  readonly size: number
  /** The command or subcommand of a name in lower case. */
  byName(name: string): CataloguedCommand | undefined
}
