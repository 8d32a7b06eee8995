// Measures CPU time.

/** The CPU time that this process has used, ms. Other processes on the machine do not change it much. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
