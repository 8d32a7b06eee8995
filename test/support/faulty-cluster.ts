// A cluster within this process. Its nodes connect through fault-injecting proxies, one for each ordered pair.

import { addressName } from '../../src/cluster/member.ts'
import { type Config, createNode, type Node } from '../../src/index.ts'
import { poll } from './poll.ts'
import { freePorts } from './ports.ts'
import { FaultyProxy } from './proxy.ts'
import { RespClient } from './resp-client.ts'

export interface FaultyNode {
  /** Its name in the cluster: an address that only the proxies resolve. */
  readonly name: string
  /** The port for clients. */
  readonly port: number
  readonly node: Node
  /** The warnings and errors that it logged. */
  readonly warnings: readonly string[]
}

export interface FaultyClusterOptions {
  readonly config?: Config
  /** Settings of single nodes, by index. */
  readonly cluster?: readonly Partial<NonNullable<Config['cluster']>>[]
}

export class FaultyCluster {
  readonly #nodes: FaultyNode[]
  /** By the names of the connecting node and of its peer. */
  readonly #proxies: ReadonlyMap<string, FaultyProxy>
  readonly #start: (i: number) => Promise<FaultyNode>

  private constructor(
    nodes: FaultyNode[],
    proxies: ReadonlyMap<string, FaultyProxy>,
    start: (i: number) => Promise<FaultyNode>,
  ) {
    this.#nodes = nodes
    this.#proxies = proxies
    this.#start = start
  }

  get nodes(): readonly FaultyNode[] {
    return this.#nodes
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
    const startNode = async (i: number): Promise<FaultyNode> => {
      const name = names[i]
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
    }
    return new FaultyCluster(await Promise.all(names.map((_, i) => startNode(i))), proxies, startNode)
  }

  /** A node leaves, and another one takes its name and port. */
  async restart(i: number): Promise<void> {
    await this.#nodes[i].node.close()
    this.#nodes[i] = await this.#start(i)
  }

  /** Resolves when every node sees all others, and waits for no votes. */
  async agreed(): Promise<void> {
    const count = this.#nodes.length
    for (const { port } of this.#nodes) {
      const client = await RespClient.connect(port)
      await poll(async () => {
        const info = String(await client.call('INFO', 'cluster'))
        return info.includes(`cluster_members:${count}\r\n`) && info.includes('cluster_pending:0\r\n')
      }, 'agreement')
      client.socket.destroy()
    }
  }

  /** The proxy of the connections that one node opens to another. */
  link(from: number, to: number): FaultyProxy {
    return this.#proxies.get(`${this.nodes[from].name} ${this.nodes[to].name}`)!
  }

  /** The proxies of all connections from and to a node. */
  linksOf(i: number): FaultyProxy[] {
    return this.nodes.flatMap((_, other) => (other === i ? [] : [this.link(i, other), this.link(other, i)]))
  }

  /** Drops everything that one node sends to the other, on connections in either direction. */
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
