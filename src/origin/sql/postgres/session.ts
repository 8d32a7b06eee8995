// The settings of a PostgreSQL session on which the text of a value depends.

/**
 * The node's sessions and the functions of its triggers have the same: the text of a key depends neither on who
 * writes nor on the defaults of the server (PostgreSQL: "Client Connection Defaults", "Locale and Formatting").
 */
export const TEXT_SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ['datestyle', 'ISO, MDY'],
  ['timezone', 'UTC'],
  ['intervalstyle', 'iso_8601'],
  ['bytea_output', 'hex'],
  // All digits; before PostgreSQL 12 that is not the default.
  ['extra_float_digits', '3'],
  // The type money.
  ['lc_monetary', 'C'],
]
