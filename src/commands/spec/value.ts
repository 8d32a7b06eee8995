// The type and encoding of a record under Redis's names.

import { isCanonicalInteger } from '../../bytes/numbers/decimal.ts'
import type { Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { Store } from '../../store/store.ts'

/** Longer strings are not embedded in their object (Redis: `OBJ_ENCODING_EMBSTR_SIZE_LIMIT`). */
const MAX_EMBEDDED = 44

/** The name that TYPE gives. */
export function typeName(type: ValueType): string {
  return type === ValueType.STRING ? 'string' : 'none'
}

/** The encoding that Redis would have chosen for the same string. */
export function encodingName({ records }: Store, ref: Ref): string {
  if (records.isRaw(ref)) return 'raw'
  records.locate(ref)
  const { bytes, valueStart, valueEnd } = records
  if (isCanonicalInteger(bytes, valueStart, valueEnd)) return 'int'
  return valueEnd - valueStart <= MAX_EMBEDDED ? 'embstr' : 'raw'
}
