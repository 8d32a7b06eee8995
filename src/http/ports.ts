// What the HTTP gateway needs of the node that it belongs to.

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

/** What a route stands for, with the group and the key of the request. */
export interface Demand {
  /** A command's full name, as ACL rules have it: `get`, `cluster|info`. */
  readonly command: string
  readonly group: Group | undefined
  readonly key: Buffer | undefined
}

/** Checks credentials and permissions. */
export interface Gate {
  /** Requests without credentials are served, as those of a user that this names. */
  readonly anonymous: User | undefined
  /** Who a request to a public route comes from, where credentials are needed: no command is run for it. */
  readonly nobody: User
  /** How long credentials from an address have to wait before they are checked, ms. */
  waitOf(address: string): number
  /** Whose the credentials are; `undefined`: they are wrong, which has no consequences yet: see `authenticate`. */
  userOf(credentials: Credentials): User | undefined
  /** The same; wrong ones are logged, and let later ones from this address wait. */
  authenticate(credentials: Credentials, address: string): User | undefined
  /** Whether a user may do what a route stands for. A refusal is logged. */
  allows(user: User, demand: Demand, address: string): boolean
  /** The same to decide whether to show something, or a button for it. Nothing is logged. */
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

/** What handlers of routes work with. */
export interface Services {
  readonly host: Host
  readonly commands: Commands
  readonly gate: Gate
  readonly options: HttpOptions
  readonly log: GatewayLog
  readonly version: string
  /** `starting`: it does not listen, or has not joined its cluster; `draining`: it hands over its keys, or closes. */
  phase(): Phase
  readonly metrics: Metrics
  /** The description of all routes, as JSON. */
  openApi(): string
}
