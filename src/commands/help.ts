// Commands that are containers of subcommands, and the HELP that each of them has.

import type { CommandSpec } from './command.ts'

/** What a container does by itself. The executor runs its subcommands; without one the arity has already refused. */
export function runSubcommand(): void {
  throw new Error('a container of subcommands was run')
}

/**
 * The HELP of a container, with Redis's first and last lines.
 *
 * @param lines the syntax of each subcommand at the margin, its explanation indented by four spaces.
 */
export function helpCommand(
  container: string,
  since: string,
  lines: readonly string[],
  more: Pick<CommandSpec, 'group' | 'categories'>,
): CommandSpec {
  return {
    name: 'help',
    arity: 2,
    flags: ['loading', 'stale'],
    ...more,
    summary: 'Returns helpful text about the different subcommands.',
    since,
    complexity: 'O(1)',
    run(c) {
      c.reply.array(lines.length + 3)
      c.reply.simple(`${container.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`)
      for (const line of lines) c.reply.simple(line)
      c.reply.simple('HELP')
      c.reply.simple('    Prints this help.')
    },
  }
}
