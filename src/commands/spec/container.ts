// Commands that are containers of subcommands: their HELP is derived from the subcommands' specifications.

import type { ArgumentSpec, CommandSpec } from './command.ts'

type ContainerSpec = Omit<CommandSpec, 'run' | 'arity' | 'complexity'> & {
  readonly subcommands: readonly CommandSpec[]
  /** The version of Redis that added HELP, and its categories where they differ from the container's. */
  readonly helpSince: string
  readonly helpCategories?: readonly string[]
  /** Its own arity, complexity and handler, where it can be called without a subcommand. */
  readonly own?: Pick<CommandSpec, 'arity' | 'complexity' | 'run'>
}

/** The container with its subcommands and a HELP. */
export function container({ helpSince, helpCategories, own, ...spec }: ContainerSpec): CommandSpec {
  const subcommands = [...spec.subcommands].sort((a, b) => (a.name < b.name ? -1 : 1))
  const lines = subcommands.flatMap((sub) => [syntaxOf(sub), `    ${sub.summary}`])
  const categories = helpCategories ?? spec.categories
  const help = helpCommand(spec.name, helpSince, lines, { group: spec.group, categories })
  return {
    arity: -2,
    complexity: 'Depends on subcommand.',
    run: runSubcommand,
    ...spec,
    ...own,
    subcommands: [...subcommands, help],
  }
}

/** How a command is written: `KILL <ip:port | [ID client-id] … >`, in the notation of Redis's documentation. */
export function syntaxOf(spec: CommandSpec): string {
  return [spec.name.toUpperCase(), ...(spec.arguments ?? []).map(argumentSyntax)].join(' ')
}

function argumentSyntax(argument: ArgumentSpec): string {
  const { token, optional, multiple, multipleToken } = argument
  const value = valueSyntax(argument)
  const whole = token === undefined ? value : argument.type === 'pure-token' ? token : `${token} ${value}`
  let text = whole
  if (multiple) text += ` [${multipleToken ? whole : value} ...]`
  return optional ? `[${text}]` : text
}

function valueSyntax(argument: ArgumentSpec): string {
  const parts = (argument.arguments ?? []).map(argumentSyntax)
  if (argument.type === 'block') return parts.join(' ')
  if (argument.type !== 'oneof') return argument.display ?? argument.name
  const choices = parts.join(' | ')
  return argument.optional && argument.token === undefined ? choices : `<${choices}>`
}

/** Never called: the executor runs the subcommand, and a call without one fails the arity check. */
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
