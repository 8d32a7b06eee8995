import { Redis } from 'ioredis'
import { clusterContract } from '../../contracts/cluster-client.contract.ts'

clusterContract({
  name: 'ioredis',
  losses: [],
  async connect(ports) {
    const client = new Redis.Cluster(
      ports.map((port) => ({ host: '127.0.0.1', port })),
      { lazyConnect: true },
    )
    await client.connect()
    return {
      set: (key, value) => client.set(key, value),
      get: (key) => client.get(key),
      close: () => client.disconnect(),
    }
  },
})
