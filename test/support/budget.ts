// Time limits of tests. A working test never reaches a limit: reaching one means that something hangs.
// The limits suit a machine many times slower and busier than a developer's.

/** The time after which a test or a hook fails, ms. */
export const TEST_TIMEOUT_MS = 240_000

/** The time after which one wait inside a test fails, ms: before the test, so that the error names the wait. */
export const WAIT_MS = 90_000

/**
 * For timeout settings of clients, origins and clusters that must not expire in a test, ms: a starved process is
 * not declared dead.
 */
export const PATIENT_MS = 60_000
