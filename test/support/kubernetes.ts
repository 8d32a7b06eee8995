// Objects of Kubernetes, and its schemas, which are not part of the project: see describeWithModels.

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeIfFound } from './executable.ts'

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly [field: string]: unknown
}

/** A model of one kind of objects. */
type Model = new (data: object) => { validate(): void }

/**
 * A `describe` whose tests need `kubernetes-models` in a folder of NODE_PATH.
 * @param body gets a function that throws for an object that Kubernetes would refuse
 */
export function describeWithModels(body: (validate: (manifest: Manifest) => Promise<void>) => void): void {
  const found = (process.env.NODE_PATH ?? '')
    .split(delimiter)
    .find((folder) => folder !== '' && existsSync(join(folder, 'kubernetes-models')))
  describeIfFound(
    found,
    'the schemas of Kubernetes',
    'kubernetes-models (in NODE_PATH)',
    'kubernetes-models',
    (folder) =>
      body(async ({ apiVersion, kind, ...data }) => {
        const isMonitor = apiVersion.startsWith('monitoring.coreos.com/')
        const models = isMonitor ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models'
        const path = join(folder, models, apiVersion, 'index.js')
        const types = (await import(/* @vite-ignore */ pathToFileURL(path).href)) as Record<string, Model>
        try {
          new types[kind](data).validate()
        } catch (error) {
          throw new Error(`${kind}: ${(error as Error).message}`)
        }
      }),
  )
}
