// How long tests wait. Reaching a limit is never the verdict of a working test: it means that something hangs.
// The limits are for a machine many times slower and busier than a developer's.

/** Before a test or a hook is stopped, ms. */
export const TEST_TIMEOUT_MS = 240_000

/** Before one wait inside a test gives up, ms: earlier than the test, so that the error says what was waited for. */
export const WAIT_MS = 90_000

/**
 * A time-out setting of a client, an origin or a cluster that is not to strike in this test, ms: a starved process is
 * not taken for dead.
 */
export const PATIENT_MS = 60_000
