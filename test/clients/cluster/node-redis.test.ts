import { createCluster } from '@redis/client'
import { clusterContract } from '../../contracts/cluster-client.contract.ts'
import { PATIENT_MS } from '../../support/budget.ts'

clusterContract({
  name: 'node-redis',
  losses: ['DisconnectsClientError', 'SocketClosedUnexpectedlyError'],
  async connect(ports) {
    const client = createCluster({
      rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })),
      // By default it refreshes the slot table 5 s after it lost a node.
      topologyRefreshOnReconnectionAttemptStrategy: 50,
      defaults: { socket: { connectTimeout: PATIENT_MS } },
      commandOptions: { timeout: PATIENT_MS },
    })
    client.on('error', () => undefined)
    await client.connect()
    return {
      set: (key, value) => client.set(key, value),
      get: (key) => client.get(key),
      close: () => client.destroy(),
    }
  },
})
