// Packages that are not among those of the project: from a folder of NODE_PATH, or their tests are skipped with a warning.

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

/** Imports packages by their names; undefined: one is not there. */
export async function importPackages<Name extends string>(
  ...names: readonly Name[]
): Promise<Record<Name, never> | undefined> {
  const found: Partial<Record<Name, unknown>> = {}
  for (const name of names) {
    const path = pathOf(name, import.meta.url)
    if (path === undefined) return undefined
    // CommonJS has its exports in `default`.
    const { default: exported, ...others }: { default?: unknown } = await import(pathToFileURL(path).href)
    found[name] = Object.keys(others).length > 0 ? { ...others, default: exported } : exported
  }
  return found as Record<Name, never>
}

/** The file of a package as a file or a package sees it. */
function pathOf(name: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}
