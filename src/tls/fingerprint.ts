// Detects whether files have changed, by their metadata and not by their content.

import type { BigIntStats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/*
 * Files are asked for at intervals, by path, symbolic links followed. Events of the file system (inotify) are no
 * alternative: Kubernetes replaces a link two levels above the file, certbot a link in another folder, and network file
 * systems send no events at all.
 */

/** A text that differs whenever one of the files was written, replaced, or is another one by its links. */
export async function fingerprint(files: readonly string[], folders: readonly string[]): Promise<string> {
  const inFolders = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(folder).catch(() => [])
      return names.sort().map((name) => join(folder, name))
    }),
  )
  const paths = [...files, ...inFolders.flat()]
  const parts = await Promise.all(
    paths.map((path) =>
      stat(path, { bigint: true }).then(textOf, (error: NodeJS.ErrnoException) => error.code),
    ),
  )
  return paths.map((path, i) => `${path} ${parts[i]}`).join('\n')
}

function textOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}
