// A cluster within this process whose nodes reach each other through proxies, one for each ordered pair.

import { addressName } from '../../src/cluster/member.ts'
import { type Config, createNode, type Node } from '../../src/index.ts'
import { freePorts } from './ports.ts'
import { FaultyProxy } from './proxy.ts'

/** One of its nodes. */
export interface FaultyNode {
  /** Its name in the cluster: an address that exists only there. */
  readonly name: string
  /** Where it listens to clients. */
  readonly port: number
  readonly node: Node
  /** Warnings of its log. */
  readonly warnings: readonly string[]
}

export interface FaultyClusterOptions {
  readonly config?: Config
  /** By node: settings of its own. */
  readonly cluster?: readonly Partial<NonNullable<Config['cluster']>>[]
}

export class FaultyCluster {
  readonly nodes: readonly FaultyNode[]
  /** By the index of who connects, and of whom it connects to. */
  readonly #proxies: ReadonlyMap<string, FaultyProxy>

  private constructor(nodes: readonly FaultyNode[], proxies: ReadonlyMap<string, FaultyProxy>) {
    this.nodes = nodes
    this.#proxies = proxies
  }

  static async start(
    count: number,
    { config, cluster = [] }: FaultyClusterOptions = {},
  ): Promise<FaultyCluster> {
    const names = Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}:7000`)
    const proxies = new Map<string, FaultyProxy>()
    const ports = await freePorts(count)
    for (const from of names)
      for (const [i, to] of names.entries())
        if (from !== to) proxies.set(`${from} ${to}`, await FaultyProxy.start(() => ({ port: ports[i] })))
    const starting = names.map(async (name, i): Promise<FaultyNode> => {
      const warnings: string[] = []
      const warn = (_: object, message: string): void => void warnings.push(message)
      const own = { peers: names, announce: name, ...config?.cluster, ...cluster[i] }
      const node = await createNode(
        {
          groups: { cache: { maxBytes: '64mb' } },
          ...config,
          port: ports[i],
          bind: '127.0.0.1',
          cluster: own,
        },
        {
          log: { info: () => undefined, warn, error: warn },
          connectPeer: ({ host, port }) => proxies.get(`${name} ${addressName(host, port)}`)!.connect(),
        },
      )
      await node.listen()
      return { name, port: ports[i], node, warnings }
    })
    return new FaultyCluster(await Promise.all(starting), proxies)
  }

  /** The connections that one node opens to another. */
  link(from: number, to: number): FaultyProxy {
    return this.#proxies.get(`${this.nodes[from].name} ${this.nodes[to].name}`)!
  }

  /** All connections from or to a node. */
  around(i: number): FaultyProxy[] {
    return this.nodes.flatMap((_, other) => (other === i ? [] : [this.link(i, other), this.link(other, i)]))
  }

  /** What one node says does not reach the other one, whoever has opened the connection. */
  silence(from: number, to: number): void {
    this.link(from, to).silence('there')
    this.link(to, from).silence('back')
  }

  heal(): void {
    for (const proxy of this.#proxies.values()) proxy.heal()
  }

  async close(): Promise<void> {
    this.heal()
    await Promise.all(this.nodes.map(({ node }) => node.close()))
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()))
  }
}
