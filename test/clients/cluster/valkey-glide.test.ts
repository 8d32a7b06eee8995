import { clusterContract } from '../../contracts/cluster-client.contract.ts'
import { PATIENT_MS } from '../../support/budget.ts'
import { describeWithGlide } from '../../support/glide.ts'

describeWithGlide(({ GlideClusterClient }) => {
  clusterContract({
    name: 'valkey-glide',
    losses: ['ConnectionError', 'RequestError'],
    async connect(ports) {
      const addresses = ports.map((port) => ({ host: '127.0.0.1', port }))
      const client = await GlideClusterClient.createClient({
        addresses,
        requestTimeout: PATIENT_MS,
        advancedConfiguration: { connectionTimeout: PATIENT_MS },
      })
      return {
        set: (key, value) => client.set(key, value),
        get: async (key) => (await client.get(key))?.toString() ?? null,
        close: () => client.close(),
      }
    },
  })
})
