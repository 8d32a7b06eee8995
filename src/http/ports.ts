// The interfaces through which the HTTP gateway uses its node.

import type { FirstArgument } from '../access/access.ts'
import type { User } from '../access/user.ts'
import type { Host } from '../commands/spec/host.ts'
import type { Group } from '../group/group.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { HttpOptions } from './options.ts'

/** The name and the password of a request; a Bearer token is a password without a name. */
export interface Credentials {
  readonly name: string | undefined
  readonly password: string
}

/** The permission that a request needs: the command of its route, with its group and key. */
export interface Demand {
  /** A command's full name, as ACL rules have it: `get`, `cluster|info`. */
  readonly command: string
  readonly group: Group | undefined
  readonly key: Buffer | undefined
  /** The command's first argument; none by default. */
  readonly first?: FirstArgument
}

/** Checks credentials and permissions. */
export interface Gate {
  /** The user of requests without credentials; `undefined`: credentials are required. */
  readonly anonymous: User | undefined
  /** The user that the name in a client's certificate stands for; `undefined`: none, or certificates are no logins. */
  certified(commonName: string): User | undefined
  /** A client with a certificate of this name has connected: it is logged if that is no user, but should be. */
  connected(commonName: string, address: string): void
  /** The user of requests to public routes while credentials are required; no command is run for it. */
  readonly nobody: User
  /** How long credentials from an address are delayed before they are checked, ms. */
  waitOf(address: string): number
  /** The user of these credentials; `undefined`: they are wrong. Unlike `authenticate`, has no side effects. */
  userOf(credentials: Credentials): User | undefined
  /** The same; wrong credentials are logged, and delay later ones from this address. */
  authenticate(credentials: Credentials, address: string): User | undefined
  /** Whether a user has a permission. A refusal is logged. */
  allows(user: User, demand: Demand, address: string): boolean
  /** The same without logging, to decide whether to show something, or a button for it. */
  wouldAllow(user: User, demand: Demand): boolean
}

/** The caller of commands: one for each connection and user. */
export interface Caller {
  /** The number of the connection. */
  readonly id: number
  /** 'host:port' of both ends. */
  readonly address: string
  readonly localAddress: string
  readonly authenticated: boolean
  readonly user: User
}

/** Takes the outcome of a command: one call. */
interface Outcome {
  /** `isForwarded`: another node has answered. A long reply may come in parts. */
  replied(reply: Buffer, rest: readonly Buffer[], isForwarded: boolean): void
  /** The node has closed. */
  closed(): void
}

/** Runs commands as clients do: with flights, forwarding, fences, write policies, the slow log and counters. */
interface Commands {
  run(caller: Caller, group: Group, args: readonly (string | Buffer)[], outcome: Outcome): void
}

export interface GatewayLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The state of a node. */
export type Phase = 'starting' | 'ready' | 'draining'

/** The services that handlers of routes use. */
export interface Services {
  readonly host: Host
  readonly commands: Commands
  readonly gate: Gate
  readonly options: HttpOptions
  readonly log: GatewayLog
  readonly version: string
  /**
   * `starting`: the node does not listen yet, or has not joined its cluster; `draining`: it hands over keys, or closes.
   */
  phase(): Phase
  readonly metrics: Metrics
  /** The description of all routes, as JSON. */
  openApi(): string
}
