// The error when the limit on open files is too low to start. This file imports nothing: no module can be loaded then.

/** `undefined` for any other error. */
export function tooManyFiles({ code }: NodeJS.ErrnoException): string | undefined {
  if (code === 'EMFILE')
    return 'too many open files: the limit of this process is too low to start; raise it, such as by `ulimit -n 1024`'
  if (code === 'ENFILE') return 'too many open files on this machine'
  return undefined
}
