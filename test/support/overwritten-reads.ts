// In every test, the memory that a connection is read into next is overwritten before: whoever still refers to a request
// that was there sees other bytes, whether or not the next read would have been as long.

import { ReadBuffers } from '../../src/server/input/read-buffers.ts'

const marked = ReadBuffers.prototype as ReadBuffers & { isOverwriting?: true }
if (marked.isOverwriting === undefined) {
  const { next } = ReadBuffers.prototype
  marked.isOverwriting = true
  marked.next = function (this: ReadBuffers, ...args: Parameters<typeof next>) {
    return next.apply(this, args).fill('?')
  }
}
