// Every value of the Helm chart, changed from its default alone: what it changes in the objects, which Kubernetes
// accepts, and how wrong values are refused. The values are those of values.yaml, so that none can be forgotten.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { describeWithExecutable } from '../support/executable.ts'
import { describeWithModels, type Manifest } from '../support/kubernetes.ts'

const chart = fileURLToPath(new URL('../../deploy/helm/erinys', import.meta.url))
const values: unknown = parse(readFileSync(`${chart}/values.yaml`, 'utf8'))

type Values = Readonly<Record<string, unknown>>

const isTree = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The values that have no values below them. */
function leaves(tree: unknown, path = ''): readonly (readonly [path: string, value: unknown])[] {
  if (!isTree(tree) || Object.keys(tree).length === 0) return [[path, tree]]
  return Object.entries(tree).flatMap(([name, each]) => leaves(each, path === '' ? name : `${path}.${name}`))
}

/** Another value, and what it changes: by the path in an object, `undefined` for what is gone. */
interface Change {
  readonly to: unknown
  /** Without these values, this one has no effect. */
  readonly beside?: Values
  readonly changes: Readonly<Record<string, unknown>>
  /** More changes than these: those of the same object. */
  readonly andMoreOf?: string
}

const POD = 'StatefulSet cache: spec.template.spec.'
const NODE = `${POD}containers.erinys.`
const ENV = `${NODE}env.`
const TLS: Values = { tls: { enabled: true, secret: 'certs' }, serviceMonitor: { enabled: true } }
const MONITOR: Values = { serviceMonitor: { enabled: true } }
const ENDPOINT = 'ServiceMonitor cache: spec.endpoints.0.'

const CHANGES: Readonly<Record<string, Change>> = {
  kind: {
    to: 'Deployment',
    changes: { 'Deployment cache: spec.strategy.rollingUpdate.maxSurge': 1 },
    andMoreOf: 'cache',
  },
  replicas: { to: 5, changes: { 'StatefulSet cache: spec.replicas': 5 } },
  'image.repository': {
    to: 'registry.example/erinys',
    changes: { [`${NODE}image`]: 'registry.example/erinys:0.1.0' },
  },
  'image.tag': { to: '9.9.9', changes: { [`${NODE}image`]: 'erinys:9.9.9' } },
  'image.pullPolicy': { to: 'Always', changes: { [`${NODE}imagePullPolicy`]: 'Always' } },
  'image.pullSecrets': {
    to: [{ name: 'registry' }],
    changes: { [`${POD}imagePullSecrets.registry.name`]: 'registry' },
  },
  'auth.existingSecret': {
    to: 'mine',
    changes: {
      [`${ENV}ERINYS_REQUIREPASS.valueFrom.secretKeyRef.name`]: 'mine',
      'Secret cache: kind': undefined,
    },
    andMoreOf: 'Secret cache',
  },
  'auth.key': {
    to: 'pw',
    changes: {
      'Secret cache: stringData.password': undefined,
      'Secret cache: stringData.pw': 'hush',
      [`${ENV}ERINYS_REQUIREPASS.valueFrom.secretKeyRef.key`]: 'pw',
    },
  },
  'auth.password': { to: 'other', changes: { 'Secret cache: stringData.password': 'other' } },
  'config.name': {
    to: 'erinys.config.mjs',
    changes: {
      'ConfigMap cache: data.erinys.config.json': undefined,
      'ConfigMap cache: data.erinys.config.mjs': '{ "groups": { "cache": { "maxBytes": "256mb" } } }\n',
      [`${ENV}ERINYS_CONFIG.value`]: '/etc/erinys/erinys.config.mjs',
    },
  },
  'config.content': {
    to: '{ "hz": 20 }',
    changes: { 'ConfigMap cache: data.erinys.config.json': '{ "hz": 20 }' },
  },
  'config.watch': { to: false, changes: { [`${ENV}ERINYS_WATCH_CONFIG.value`]: 'no' } },
  extraEnv: {
    to: [{ name: 'DATABASE_URL', value: 'postgres://db' }],
    changes: { [`${ENV}DATABASE_URL.name`]: 'DATABASE_URL', [`${ENV}DATABASE_URL.value`]: 'postgres://db' },
  },
  extraEnvFrom: {
    to: [{ secretRef: { name: 'more' } }],
    changes: { [`${NODE}envFrom.0.secretRef.name`]: 'more' },
  },
  'cluster.enabled': {
    to: false,
    changes: Object.fromEntries(
      ['DNS', 'DNS_PORT', 'ANNOUNCE', 'CLUSTER_TIMEOUT'].flatMap((name) => [
        [`${ENV}ERINYS_${name}.name`, undefined],
        [`${ENV}ERINYS_${name}.value`, undefined],
      ]),
    ),
  },
  'cluster.timeout': { to: '5s', changes: { [`${ENV}ERINYS_CLUSTER_TIMEOUT.value`]: '5s' } },
  'resp.port': {
    to: 6379,
    changes: {
      'Service cache: spec.ports.resp.port': 6379,
      'Service cache-headless: spec.ports.resp.port': 6379,
      [`${ENV}ERINYS_PORT.value`]: '6379',
      [`${ENV}ERINYS_DNS_PORT.value`]: '6379',
      [`${ENV}ERINYS_ANNOUNCE.value`]: '$(POD_IP):6379',
      [`${NODE}ports.resp.containerPort`]: 6379,
    },
  },
  'http.port': {
    to: 8080,
    changes: {
      'Service cache: spec.ports.http.port': 8080,
      [`${ENV}ERINYS_HTTP_PORT.value`]: '8080',
      [`${NODE}ports.http.containerPort`]: 8080,
    },
  },
  'tls.enabled': {
    to: true,
    beside: { tls: { secret: 'certs' } },
    changes: {
      [`${ENV}ERINYS_PORT.value`]: '0',
      [`${ENV}ERINYS_TLS_PORT.value`]: '7000',
      [`${ENV}ERINYS_TLS_CLUSTER.value`]: 'yes',
      [`${NODE}livenessProbe.httpGet.scheme`]: 'HTTPS',
      [`${POD}volumes.tls.secret.secretName`]: 'certs',
    },
    andMoreOf: 'StatefulSet cache',
  },
  'tls.secret': {
    to: 'other',
    beside: TLS,
    changes: {
      [`${POD}volumes.tls.secret.secretName`]: 'other',
      [`${ENDPOINT}tlsConfig.ca.secret.name`]: 'other',
    },
  },
  'tls.certKey': {
    to: 'node.crt',
    beside: TLS,
    changes: { [`${ENV}ERINYS_TLS_CERT_FILE.value`]: '/etc/erinys-tls/node.crt' },
  },
  'tls.keyKey': {
    to: 'node.key',
    beside: TLS,
    changes: { [`${ENV}ERINYS_TLS_KEY_FILE.value`]: '/etc/erinys-tls/node.key' },
  },
  'tls.caKey': {
    to: 'root.crt',
    beside: TLS,
    changes: {
      [`${ENV}ERINYS_TLS_CA_CERT_FILE.value`]: '/etc/erinys-tls/root.crt',
      [`${ENDPOINT}tlsConfig.ca.secret.key`]: 'root.crt',
    },
  },
  'tls.authClients': {
    to: 'yes',
    beside: TLS,
    changes: {
      [`${ENV}ERINYS_TLS_AUTH_CLIENTS.value`]: 'yes',
      [`${NODE}livenessProbe.httpGet.path`]: undefined,
      [`${NODE}livenessProbe.exec.command.1`]: '/node_modules/erinys/healthcheck.mjs',
      [`${ENDPOINT}tlsConfig.cert.secret.key`]: 'tls.crt',
      [`${ENDPOINT}tlsConfig.keySecret.key`]: 'tls.key',
    },
    andMoreOf: 'cache',
  },
  'tls.authClientsUser': {
    to: 'CN',
    beside: TLS,
    changes: { [`${ENV}ERINYS_TLS_AUTH_CLIENTS_USER.value`]: 'CN' },
  },
  'tls.http': {
    to: false,
    beside: TLS,
    changes: {
      [`${ENV}ERINYS_HTTP_TLS.value`]: 'no',
      [`${NODE}startupProbe.httpGet.scheme`]: undefined,
      [`${NODE}livenessProbe.httpGet.scheme`]: undefined,
      [`${NODE}readinessProbe.httpGet.scheme`]: undefined,
      [`${ENDPOINT}scheme`]: undefined,
      [`${ENDPOINT}tlsConfig.ca.secret.name`]: undefined,
      [`${ENDPOINT}tlsConfig.ca.secret.key`]: undefined,
      [`${ENDPOINT}tlsConfig.serverName`]: undefined,
    },
  },
  'tls.clusterName': {
    to: 'node.example',
    beside: TLS,
    changes: { [`${ENV}ERINYS_TLS_CLUSTER_NAME.value`]: 'node.example' },
  },
  'tls.plainPort': {
    to: 7001,
    beside: TLS,
    changes: {
      [`${ENV}ERINYS_PORT.value`]: '7001',
      'Service cache: spec.ports.resp-plain.name': 'resp-plain',
      'Service cache: spec.ports.resp-plain.port': 7001,
      'Service cache: spec.ports.resp-plain.targetPort': 'resp-plain',
      [`${NODE}ports.resp-plain.name`]: 'resp-plain',
      [`${NODE}ports.resp-plain.containerPort`]: 7001,
    },
  },
  'service.type': { to: 'LoadBalancer', changes: { 'Service cache: spec.type': 'LoadBalancer' } },
  'service.annotations': { to: { a: 'b' }, changes: { 'Service cache: metadata.annotations.a': 'b' } },
  preStopSeconds: {
    to: 9,
    changes: {
      [`${NODE}lifecycle.preStop.exec.command.2`]: 'setTimeout(() => {}, 9000)',
      [`${POD}terminationGracePeriodSeconds`]: 9 + 30 + 5,
    },
  },
  shutdownSeconds: {
    to: 60,
    changes: {
      [`${ENV}ERINYS_SHUTDOWN_TIMEOUT.value`]: '60s',
      [`${POD}terminationGracePeriodSeconds`]: 5 + 60 + 5,
    },
  },
  'resources.requests.cpu': { to: '2', changes: { [`${NODE}resources.requests.cpu`]: '2' } },
  'resources.requests.memory': { to: '1Gi', changes: { [`${NODE}resources.requests.memory`]: '1Gi' } },
  'resources.limits.memory': { to: '2Gi', changes: { [`${NODE}resources.limits.memory`]: '2Gi' } },
  'podDisruptionBudget.enabled': {
    to: false,
    changes: { 'PodDisruptionBudget cache: kind': undefined },
    andMoreOf: 'PodDisruptionBudget cache',
  },
  'podDisruptionBudget.maxUnavailable': {
    to: '50%',
    changes: { 'PodDisruptionBudget cache: spec.maxUnavailable': '50%' },
  },
  'serviceMonitor.enabled': {
    to: true,
    changes: { [`${ENDPOINT}path`]: '/metrics', [`${ENDPOINT}authorization.credentials.name`]: 'cache' },
    andMoreOf: 'ServiceMonitor cache',
  },
  'serviceMonitor.interval': { to: '1m', beside: MONITOR, changes: { [`${ENDPOINT}interval`]: '1m' } },
  'serviceMonitor.serverName': {
    to: 'node.example',
    beside: TLS,
    changes: { [`${ENDPOINT}tlsConfig.serverName`]: 'node.example' },
  },
  'serviceMonitor.labels': {
    to: { release: 'prometheus' },
    beside: MONITOR,
    changes: { 'ServiceMonitor cache: metadata.labels.release': 'prometheus' },
  },
  'networkPolicy.enabled': {
    to: true,
    changes: { 'NetworkPolicy cache: spec.ingress.1.ports.1.port': 'http' },
    andMoreOf: 'NetworkPolicy cache',
  },
  'networkPolicy.from': {
    to: [{ ipBlock: { cidr: '10.0.0.0/8' } }],
    beside: { networkPolicy: { enabled: true } },
    changes: { 'NetworkPolicy cache: spec.ingress.1.from.0.ipBlock.cidr': '10.0.0.0/8' },
  },
  'serviceAccount.annotations': {
    to: { a: 'b' },
    changes: { 'ServiceAccount cache: metadata.annotations.a': 'b' },
  },
  podAnnotations: {
    to: { a: 'b' },
    changes: { 'StatefulSet cache: spec.template.metadata.annotations.a': 'b' },
  },
  podLabels: { to: { a: 'b' }, changes: { 'StatefulSet cache: spec.template.metadata.labels.a': 'b' } },
  nodeSelector: { to: { disk: 'ssd' }, changes: { [`${POD}nodeSelector.disk`]: 'ssd' } },
  tolerations: {
    to: [{ key: 'dedicated', operator: 'Exists' }],
    changes: { [`${POD}tolerations.0.key`]: 'dedicated', [`${POD}tolerations.0.operator`]: 'Exists' },
  },
  affinity: {
    to: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone' }] } },
    changes: {
      [`${POD}affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution.0.topologyKey`]: 'zone',
    },
  },
  topologySpreadConstraints: {
    to: [{ maxSkew: 2, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    changes: {
      [`${POD}topologySpreadConstraints.0.maxSkew`]: 2,
      [`${POD}topologySpreadConstraints.0.topologyKey`]: 'zone',
      [`${POD}topologySpreadConstraints.0.whenUnsatisfiable`]: 'DoNotSchedule',
      [`${POD}topologySpreadConstraints.0.labelSelector.matchLabels.app.kubernetes.io/name`]: undefined,
      [`${POD}topologySpreadConstraints.0.labelSelector.matchLabels.app.kubernetes.io/instance`]: undefined,
    },
  },
  priorityClassName: { to: 'high', changes: { [`${POD}priorityClassName`]: 'high' } },
  extraVolumes: {
    to: [{ name: 'ca', secret: { secretName: 'ca' } }],
    changes: { [`${POD}volumes.ca.name`]: 'ca', [`${POD}volumes.ca.secret.secretName`]: 'ca' },
  },
  extraVolumeMounts: {
    to: [{ name: 'ca', mountPath: '/ca' }],
    changes: { [`${NODE}volumeMounts.ca.name`]: 'ca', [`${NODE}volumeMounts.ca.mountPath`]: '/ca' },
  },
}

const BASE: Values = { auth: { password: 'hush' } }

const nested = (path: string, value: unknown): Values =>
  path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Values

function merged(first: Values, second: Values): Values {
  const both = Object.entries(second).map(([name, value]) => {
    const was = first[name]
    return [name, isTree(was) && isTree(value) ? merged(was, value) : value]
  })
  return { ...first, ...Object.fromEntries(both) }
}

/** All that objects say, by `<kind> <name>: <path>`; items of lists by their names. */
function said(manifests: readonly Manifest[]): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>()
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) found.set(path, value)
    else
      for (const [step, each] of Object.entries(value)) {
        const name = Array.isArray(value) ? ((each as { name?: string }).name ?? step) : step
        walk(each, path.endsWith(': ') ? path + name : `${path}.${name}`)
      }
  }
  for (const manifest of manifests) walk(manifest, `${manifest.kind} ${manifest.metadata.name}: `)
  return found
}

test('each value of values.yaml is changed here', () => {
  expect(Object.keys(CHANGES).sort()).toEqual(
    leaves(values)
      .map(([path]) => path)
      .sort(),
  )
})

describeWithExecutable(
  'helm',
  'each value of the chart',
  (helm) => {
    const render = (given: Values): Promise<readonly Manifest[]> =>
      new Promise((resolve, reject) => {
        const args = ['template', 'cache', chart, '--namespace', 'prod', '-f', '-']
        const { stdin } = execFile(helm, args, (error, stdout) => {
          if (error !== null) return reject(error)
          const documents = parseAllDocuments(stdout)
          // A field that is written twice is an error here.
          const wrong = documents.flatMap(({ errors }) => errors)
          if (wrong.length > 0) return reject(wrong[0])
          resolve(
            documents.map((document) => document.toJS() as Manifest | null).filter((each) => each !== null),
          )
        })
        stdin?.end(JSON.stringify(given))
      })

    describe.each(Object.entries(CHANGES))('%s', (path, { to, beside = {}, changes, andMoreOf }) => {
      test('changes what it is for, and nothing else', async () => {
        const around = merged(BASE, beside)
        const before = said(await render(around))
        const after = said(await render(merged(around, nested(path, to))))
        const paths = new Set([...before.keys(), ...after.keys()])
        const changed = [...paths].filter((each) => before.get(each) !== after.get(each))
        const found = Object.fromEntries(changed.map((each) => [each, after.get(each)]))
        if (andMoreOf === undefined) return expect(found).toEqual(changes)
        expect(Object.keys(found)).toEqual(expect.arrayContaining(Object.keys(changes)))
        expect(found).toMatchObject(changes)
        for (const each of changed.filter((other) => !(other in changes))) expect(each).toContain(andMoreOf)
      })

      // Quantities have many forms, which Kubernetes checks.
      if (path.startsWith('resources.')) return

      test('is refused with another type, by its name', async () => {
        const wrong = typeof to === 'object' ? 'text' : { odd: 1 }
        const place = new RegExp(`at '/${path.replaceAll('.', '/')}(/\\d+)?'`)
        await expect(render(merged(merged(BASE, beside), nested(path, wrong)))).rejects.toThrow(place)
      })
    })

    test.each<[string, unknown, RegExp]>([
      ['kind', 'DaemonSet', /'\/kind': value must be one of 'StatefulSet', 'Deployment'/],
      ['replicas', -1, /'\/replicas': minimum/],
      ['resources', { request: {} }, /'\/resources': additional properties 'request' not allowed/],
      ['resources', 'much', /'\/resources'/],
      ['image.pullPolicy', 'Sometimes', /'\/image\/pullPolicy': value must be one of 'Always'/],
      ['cluster.timeout', '50ms', /'\/cluster\/timeout'/],
      ['cluster.timeout', '2m', /'\/cluster\/timeout'/],
      ['cluster.timeout', '2', /'\/cluster\/timeout'/],
      ['podDisruptionBudget.maxUnavailable', 'all', /'\/podDisruptionBudget\/maxUnavailable'/],
      ['podDisruptionBudget.maxUnavailable', -1, /'\/podDisruptionBudget\/maxUnavailable'/],
      ['serviceMonitor.interval', '15', /'\/serviceMonitor\/interval'/],
      ['extraEnv', [{ value: 'nameless' }], /'\/extraEnv\/0': missing property 'name'/],
      ['extraVolumes', [{ emptyDir: {} }], /'\/extraVolumes\/0': missing property 'name'/],
      ['extraVolumeMounts', [{ name: 'ca' }], /'\/extraVolumeMounts\/0': missing property 'mountPath'/],
      ['image.pullSecrets', ['registry'], /'\/image\/pullSecrets\/0': got string, want object/],
      // What the chart itself says about its objects.
      ['podLabels', { 'app.kubernetes.io/name': 'mine' }, /invalid propertyName 'app.kubernetes.io\/name'/],
      [
        'serviceMonitor.labels',
        { 'app.kubernetes.io/instance': 'mine' },
        /invalid propertyName 'app.kubernetes.io\/instance'/,
      ],
      ['http.port', 7000, /resp\.port and http\.port are both 7000: they have to differ/],
      ['tls', { enabled: true, secret: 'c', plainPort: 7080 }, /tls\.plainPort and http\.port are both 7080/],
      ['tls', { enabled: true, secret: 'c', plainPort: 7000 }, /tls\.plainPort and resp\.port are both 7000/],
    ])('%s as %j is refused', async (path, value, message) => {
      await expect(render(merged(BASE, nested(path, value)))).rejects.toThrow(message)
    })

    describe.each(['cluster', 'tls', 'image', 'auth', 'config', 'service', 'resp', 'http', ''])(
      'below %j',
      (path) => {
        test('an unknown value is refused, by its name', async () => {
          const given = nested(path === '' ? 'zzz' : `${path}.zzz`, 1)
          await expect(render(merged(BASE, given))).rejects.toThrow(/additional properties 'zzz' not allowed/)
        })
      },
    )

    describeWithModels((validate) => {
      test.each(Object.entries(CHANGES))(
        '%s makes objects that Kubernetes accepts',
        async (path, { to, beside }) => {
          const manifests = await render(merged(merged(BASE, beside ?? {}), nested(path, to)))
          for (const manifest of manifests) await validate(manifest)
        },
      )
    })
  },
  'helm',
)
