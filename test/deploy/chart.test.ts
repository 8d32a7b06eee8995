// The Helm chart, rendered by Helm and validated against the schemas of Kubernetes.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { resolveLayers } from '../../src/config/config.ts'
import { describeWithExecutable } from '../support/executable.ts'
import { describeWithModels, type Manifest } from '../support/kubernetes.ts'

const execute = promisify(execFile)
const chart = fileURLToPath(new URL('../../deploy/helm/erinys', import.meta.url))

interface PodSpec {
  readonly terminationGracePeriodSeconds: number
  readonly containers: readonly [
    {
      readonly image: string
      readonly env: readonly { readonly name: string; readonly value?: string }[]
      readonly securityContext: object
      readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } }
    },
  ]
}

const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  'the default': [],
  'a Deployment of single nodes': ['kind=Deployment', 'cluster.enabled=false', 'replicas=2'],
  everything: [
    'serviceMonitor.enabled=true',
    'serviceMonitor.labels.release=prometheus',
    'networkPolicy.enabled=true',
    'networkPolicy.from[0].namespaceSelector.matchLabels.app=web',
    'service.type=LoadBalancer',
    'service.annotations.a=b',
    'podAnnotations.c=d',
    'podLabels.e=f',
    'nodeSelector.disk=ssd',
    'tolerations[0].key=dedicated',
    'tolerations[0].operator=Exists',
    'affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1',
    'affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.topologyKey=zone',
    'priorityClassName=high',
    'extraEnv[0].name=DATABASE_URL',
    'extraEnv[0].value=postgres://db/app',
    'extraEnvFrom[0].secretRef.name=more',
    'extraVolumes[0].name=ca',
    'extraVolumes[0].secret.secretName=ca',
    'extraVolumeMounts[0].name=ca',
    'extraVolumeMounts[0].mountPath=/ca',
    'image.pullSecrets[0].name=registry',
    'config.name=erinys.config.ts',
    'config.content=export default { groups: { a: {} } }',
    'preStopSeconds=7',
    'shutdownSeconds=20',
  ],
  'TLS for all': [
    'tls.enabled=true',
    'tls.secret=certs',
    'serviceMonitor.enabled=true',
    'networkPolicy.enabled=true',
  ],
  'TLS with certificates of clients': [
    'tls.enabled=true',
    'tls.secret=certs',
    'tls.certKey=node.crt',
    'tls.keyKey=node.key',
    'tls.caKey=root.crt',
    'tls.authClients=yes',
    'tls.authClientsUser=CN',
    'tls.clusterName=node.example',
    'tls.plainPort=7001',
    'serviceMonitor.enabled=true',
    'serviceMonitor.serverName=node.example',
    'networkPolicy.enabled=true',
  ],
  'TLS but for HTTP, on single nodes': [
    'tls.enabled=true',
    'tls.secret=certs',
    'tls.http=false',
    'cluster.enabled=false',
    'serviceMonitor.enabled=true',
  ],
  'an existing secret': [
    'auth.existingSecret=mine',
    'auth.password=',
    'auth.key=pw',
    'podDisruptionBudget.enabled=false',
  ],
}

describeWithExecutable(
  'helm',
  'the chart',
  (helm) => {
    const flags = (values: readonly string[]): string[] =>
      ['auth.password=hush', ...values].flatMap((value) => ['--set', value])

    async function render(values: readonly string[]): Promise<readonly Manifest[]> {
      const args = ['template', 'cache', chart, '--namespace', 'prod', ...flags(values)]
      const { stdout } = await execute(helm, args)
      const documents = parseAllDocuments(stdout)
      for (const { errors } of documents) expect(errors).toEqual([])
      return documents.map((document) => document.toJS() as Manifest | null).filter((each) => each !== null)
    }

    test('passes helm lint', async () => {
      await execute(helm, ['lint', '--strict', chart, ...flags([])])
    })

    describe.each(Object.entries(VARIANTS))('%s', (name, values) => {
      test('is rendered: every object has the labels, and the pods match their selectors', async () => {
        const manifests = await render(values)
        const pods = manifests.find(({ kind }) => /^(StatefulSet|Deployment)$/.test(kind)) as Manifest
        const { selector, template } = pods.spec as {
          selector: { matchLabels: object }
          template: { metadata: { labels: object }; spec: PodSpec }
        }
        for (const { metadata } of manifests) {
          expect(metadata.name).toMatch(/^cache(-headless)?$/)
          expect(metadata.labels).toMatchObject(selector.matchLabels)
        }
        expect(template.metadata.labels).toMatchObject(selector.matchLabels)
        const [container] = template.spec.containers
        expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true })
        expect(container.image).toMatch(/^erinys:\d/)
        // The stop has the time of the hook, of the shutdown and of the origins.
        const value = (variable: string): string =>
          String(container.env.find((each) => each.name === variable)?.value)
        const hook = Number(/(\d+)\)$/.exec(container.lifecycle.preStop.exec.command.join(' '))?.[1])
        const shutdown = Number.parseInt(value('ERINYS_SHUTDOWN_TIMEOUT'), 10)
        expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThan(hook / 1000 + shutdown + 1)
        // A node takes these variables.
        const variables = Object.fromEntries(
          container.env
            .filter((each) => each.name.startsWith('ERINYS_') && !each.name.startsWith('ERINYS_HTTP_'))
            .map((each) => [each.name, (each.value ?? 'hush').replace('$(POD_IP)', '10.0.0.1')]),
        )
        const { config } = resolveLayers({ variables })
        expect(config.cluster?.membership.kind).toBe(name.includes('single') ? undefined : 'dns')
      })
    })

    test.each([
      [['kind=DaemonSet'], 'kind'],
      [['replicas=three'], 'replicas'],
      [['auth.password='], 'auth'],
      [['resp.port=0'], 'port'],
      [['config.name=redis.conf'], 'name'],
      [['nodes=3'], 'nodes'],
      [['cluster.timeout=2'], 'timeout'],
      [['tls.enabled=true'], 'secret'],
      [['tls.authClients=maybe'], 'authClients'],
      [['tls.plainPort=-1'], 'plainPort'],
      [['tls.file=node.crt'], 'file'],
    ])('wrong values are rejected: %j', async (values, field) => {
      await expect(render(values)).rejects.toThrow(new RegExp(field))
    })

    describe('with TLS', () => {
      interface Container {
        readonly env: readonly { readonly name: string; readonly value?: string }[]
        readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
        readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
        readonly [probe: string]: unknown
      }

      async function parts(name: string) {
        const manifests = await render(VARIANTS[name])
        const of = (kind: string): Manifest => manifests.find((each) => each.kind === kind) as Manifest
        const pods = of('StatefulSet').spec as {
          template: { spec: { containers: [Container]; volumes: readonly object[] } }
        }
        const { containers, volumes } = pods.template.spec
        const [container] = containers
        const variables = Object.fromEntries(
          container.env
            .filter((each) => each.name.startsWith('ERINYS_'))
            .map((each) => [each.name, (each.value ?? 'hush').replace('$(POD_IP)', '10.0.0.1')]),
        )
        const monitor = of('ServiceMonitor').spec as { endpoints: [Record<string, unknown>] }
        // As the node reads them.
        const { config } = resolveLayers({ variables })
        return { config, container, volumes, endpoint: monitor.endpoints[0], service: of('Service') }
      }

      const secret = (key: string) => ({ name: 'certs', key })

      test('nothing is served without it, and probes and scrapes use it', async () => {
        const { config, container, volumes, endpoint } = await parts('TLS for all')
        expect(config).toMatchObject({
          port: 0,
          tlsPort: 7000,
          tlsCertFile: '/etc/erinys-tls/tls.crt',
          tlsKeyFile: '/etc/erinys-tls/tls.key',
          tlsCaCertFile: '/etc/erinys-tls/ca.crt',
          tlsAuthClients: 'no',
          tlsCluster: true,
          tlsClusterName: 'any',
          http: { port: 7080, tls: true },
          cluster: { announce: { host: '10.0.0.1', port: 7000 } },
        })
        expect(container.ports.map(({ name }) => name)).toEqual(['resp', 'http'])
        expect(container.volumeMounts).toContainEqual({
          name: 'tls',
          mountPath: '/etc/erinys-tls',
          readOnly: true,
        })
        expect(volumes).toContainEqual({ name: 'tls', secret: { secretName: 'certs', defaultMode: 0o440 } })
        for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
          expect(container[probe]).toMatchObject({ httpGet: { port: 'http', scheme: 'HTTPS' } })
        expect(endpoint).toMatchObject({
          scheme: 'https',
          tlsConfig: { ca: { secret: secret('ca.crt') }, serverName: 'cache.prod.svc' },
        })
        expect(endpoint.tlsConfig).not.toHaveProperty('cert')
      })

      test('where clients must show certificates, probes and scrapes show one', async () => {
        const { config, container, endpoint, service } = await parts('TLS with certificates of clients')
        expect(config).toMatchObject({
          port: 7001,
          tlsPort: 7000,
          tlsCaCertFile: '/etc/erinys-tls/root.crt',
          tlsAuthClients: 'yes',
          tlsAuthClientsUser: 'CN',
          tlsClusterName: 'node.example',
        })
        for (const [probe, path] of [
          ['startupProbe', '/healthz'],
          ['livenessProbe', '/healthz'],
          ['readinessProbe', '/readyz'],
        ])
          expect(container[probe]).toMatchObject({
            exec: { command: ['node', '/node_modules/erinys/healthcheck.mjs', path] },
          })
        expect(endpoint.tlsConfig).toEqual({
          ca: { secret: secret('root.crt') },
          serverName: 'node.example',
          cert: { secret: secret('node.crt') },
          keySecret: secret('node.key'),
        })
        const { ports } = service.spec as { ports: readonly { name: string; port: number }[] }
        expect(ports.map(({ name, port }) => [name, port])).toEqual([
          ['resp', 7000],
          ['resp-plain', 7001],
          ['http', 7080],
        ])
      })

      test('HTTP may do without it', async () => {
        const { config, container, endpoint } = await parts('TLS but for HTTP, on single nodes')
        expect(config).toMatchObject({ port: 0, tlsPort: 7000, http: { tls: false }, tlsCluster: false })
        expect(container.livenessProbe).toMatchObject({ httpGet: { path: '/healthz', port: 'http' } })
        expect(container.livenessProbe).not.toHaveProperty('httpGet.scheme')
        expect(endpoint).not.toHaveProperty('scheme')
      })
    })

    describeWithModels((validate) => {
      test.each(Object.entries(VARIANTS))('%s is valid', async (_, values) => {
        for (const manifest of await render(values)) await validate(manifest)
      })
    })
  },
  'helm',
)
