// Starts the program under a low limit on open files. This file imports no large module, which could not be loaded then.

import { readdirSync } from 'node:fs'
import { register } from 'node:module'
import { openFilesLimit } from '../server/clients/open-files.ts'

/** Node.js 20 opens the modules that one module imports all at once, hundreds for the whole program. */
const MODULES_AT_ONCE = 512

/** The thread of the hooks needs some; without them, Node.js would wait for it for ever. */
const MIN_FREE = 32

/** Hooks of the module loader, which run on a thread of their own: they read one file after the other. */
const HOOKS = `
import { readFileSync } from 'node:fs'
export async function load(url, context, next) {
  if (context.format !== 'module' || !url.startsWith('file:')) return next(url, context)
  return { format: 'module', source: readFileSync(new URL(url)), shortCircuit: true }
}`

/** Loads modules one by one from now on, if the limit does not allow it otherwise. */
export function loadWithFewFiles(): void {
  const limit = openFilesLimit()
  if (limit < MODULES_AT_ONCE && limit - openFiles() >= MIN_FREE)
    register(`data:text/javascript,${encodeURIComponent(HOOKS)}`)
}

/** How many files this process has open; infinitely many if that is not known. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    // Not Linux.
    return Number.POSITIVE_INFINITY
  }
}
