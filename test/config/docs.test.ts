// Every field of a configuration has a doc comment, which editors show. `test/build.test.ts` checks what is published.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { fieldsWithoutComment } from '../support/doc-comments.ts'

const entry = join(fileURLToPath(new URL('../..', import.meta.url)), 'src', 'index.ts')

test('every exported field has a doc comment', () => {
  expect(fieldsWithoutComment(entry)).toEqual([])
})
