// The heartbeat message: which members the sender suspects, and which it has declared dead.

import type { ClientPorts } from '../member.ts'

/**
 * Why a member suspects another one:
 *
 * - `refused`: the connection was refused, so its process has ended.
 * - `silent`: nothing was received from it within the timeout.
 * - `probation`: it answers again, but not yet for long enough.
 * - `recovered`: its probation is over. It is readmitted as soon as it no longer suspects this member either.
 * - `unlisted`: the member's list does not contain it. Never sent: it follows from the lists.
 */
export type Suspicion = 'refused' | 'silent' | 'probation' | 'recovered' | 'unlisted'

/** Suspected members by name. */
export type Suspicions = Readonly<Record<string, Suspicion>>

/** The record that one run of a member was declared dead. */
export interface Tombstone {
  /** '' if no run of the member was ever seen; the tombstone then holds for whichever run there is. */
  readonly runId: string
  /** Increases with each declaration. */
  readonly count: number
}

/** Tombstones by the name of the dead member. */
export type Tombstones = Readonly<Record<string, Tombstone>>

/** What an ownership message contains of the sender's heartbeats, which may arrive later than it. */
export interface HeartbeatPart {
  /** The serial of the last heartbeat: it was sent before the sender had its present epoch, or with it. */
  readonly serial?: number
  /**
   * The declaration that the receiver is dead, if there is one. So it takes effect before the receiver is given
   * anything: when the heartbeat arrives, it would cost the entries that were just handed over.
   */
  readonly tombstone?: Tombstone
}

/** The state of a third member, relayed for members that cannot reach it. */
export interface GossipedState {
  readonly runId: string
  /** The serial of the relayed message: of the first one with this state, so that it changes only with the state. */
  readonly serial: number
  readonly epoch: number
  readonly disconnected: boolean
  /** Suspicions against members that at least one other member can reach. */
  readonly suspects: Suspicions
  readonly tombstones: Tombstones
}

/** The state of one member, sent as JSON in heartbeats and in their answers. */
export interface StateMessage {
  readonly name: string
  /** Differs for each start of the process. */
  readonly runId: string
  /** Increases with every message of a run. A receiver ignores a message older than one that it has seen. */
  readonly serial: number
  /** In an answer: the serial of the heartbeat that it answers. */
  readonly answers?: number
  /** When it was sent, ms of the sender's clock. In an answer also that of the heartbeat that it answers. */
  readonly at?: number
  readonly answersAt?: number
  /** In an answer: for how many ms since that heartbeat was sent the sender does not consider the receiver dead. */
  readonly lease?: number
  /** The fingerprint of the sender's view. */
  readonly epoch: number
  /**
   * The version of what follows; see heartbeats/repeat.ts. Nodes of releases without it send neither this nor `seen`.
   */
  readonly version?: number
  /** The version of the receiver's state that the sender has; 0: none. */
  readonly seen?: number
  /** The version of the sender's slot assignment; nodes before version 2 send none. */
  readonly table?: number
  readonly weight: number
  /** The sender drains, or may not own slots. It is then in no view. */
  readonly leaving: boolean
  /** Where clients reach the sender. */
  readonly clientPorts?: ClientPorts
  readonly suspects: Suspicions
  /**
   * The sender suspects most of the members that others can reach. It is then the sender that has lost its
   * connections, and its suspicions are ignored. True until it suspects none of them.
   */
  readonly disconnected: boolean
  /** Listed members that the sender has not contacted yet. */
  readonly unknown: readonly string[]
  /** A fingerprint of the names that the sender lists, itself included; '' as long as it may not know them all. */
  readonly list?: string
  /** These names, in an answer to a member with another fingerprint. */
  readonly listed?: readonly string[]
  /** Members that the sender declared dead. Their slots were taken over. */
  readonly tombstones: Tombstones
  /**
   * Members that the sender declared dead while it could not reach most of the others, so that the sender was
   * probably the one cut off. Binding only for a receiver that was paused or cut off at that time, and has not declared
   * the sender dead together with others since.
   */
  readonly weakTombstones: Tombstones
  /** States of third members, by name. */
  readonly gossip: Readonly<Record<string, GossipedState>>
}

/** Whether a value received from a peer is a state message. */
export function isStateMessage(value: unknown): value is StateMessage {
  if (!isObject(value)) return false
  const { name, runId, serial, epoch, weight, leaving, suspects, unknown, ...rest } = value as Unchecked
  const {
    tombstones,
    weakTombstones,
    gossip,
    list = '',
    listed = [],
    at = 0,
    answersAt = 0,
    lease = 0,
    table = 1,
    version = 1,
    seen = 0,
    clientPorts = NO_PORTS,
  } = rest
  return (
    typeof list === 'string' &&
    Array.isArray(listed) &&
    listed.every((each) => typeof each === 'string') &&
    [name, runId].every((text) => typeof text === 'string') &&
    [serial, epoch, weight, at, answersAt, lease, table, version, seen].every((number) =>
      Number.isFinite(number),
    ) &&
    typeof leaving === 'boolean' &&
    arePorts(clientPorts) &&
    [suspects, tombstones, weakTombstones, gossip].every(isObject) &&
    Array.isArray(unknown) &&
    Object.values(gossip as object).every(isGossipedState)
  )
}

const NO_PORTS: ClientPorts = { tcp: 0, tls: 0 }

function arePorts(value: unknown): boolean {
  if (!isObject(value)) return false
  const { tcp, tls } = value as { readonly [Field in keyof ClientPorts]?: unknown }
  return [tcp, tls].every(
    (port) => Number.isInteger(port) && (port as number) >= 0 && (port as number) <= 65_535,
  )
}

type Unchecked = { readonly [Field in keyof StateMessage]?: unknown }

function isGossipedState(value: unknown): boolean {
  if (!isObject(value)) return false
  const { runId, suspects, tombstones } = value as { readonly [Field in keyof GossipedState]?: unknown }
  return typeof runId === 'string' && isObject(suspects) && isObject(tombstones)
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
