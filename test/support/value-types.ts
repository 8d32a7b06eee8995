// The end of the error about a result of an origin that is no value.

export const VALUE_TYPES =
  'a value is a string, bytes, null, or an object, Map, array, Set or sortedSet() of strings, bytes and numbers'
