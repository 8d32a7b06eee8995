// The users of a node: created, changed, deleted, and replaced all at once when a file is read.

import { isWord, shownRule } from './rules/errors.ts'
import type { RuleContext } from './selector.ts'
import { User } from './user.ts'

export const DEFAULT_USER = 'default'

/** A user as a file or a configuration defines it. */
export interface UserDefinition {
  readonly name: string
  readonly rules: readonly string[]
  /** Its position, for messages: `users.acl:3`. */
  readonly place: string
}

/** Is notified when users have changed. */
export interface UsersObserver {
  /** Its rules or passwords have changed. */
  changed(user: User): void
  /** The user was removed. */
  removed(user: User): void
}

const BAD_NAME = "Usernames can't contain spaces or null characters"

/** The end of a message with all problems of a file. */
const NOTHING_CHANGED =
  'WARNING: ACL errors detected, no change to the previously active ACL rules was performed'

export class Users {
  /** Every client is this user until it logs in as another one. */
  readonly default: User
  observer: UsersObserver = { changed: () => undefined, removed: () => undefined }
  readonly #context: RuleContext
  readonly #byName = new Map<string, User>()
  /** The password rules of the default user, used where no definition has any. */
  #defaultPassword: readonly string[] = ['nopass']

  constructor(context: RuleContext) {
    this.#context = context
    this.default = this.#newDefault()
    this.#byName.set(DEFAULT_USER, this.default)
  }

  get(name: string): User | undefined {
    return this.#byName.get(name)
  }

  /** In the order of their names. */
  get all(): readonly User[] {
    return [...this.#byName.keys()].sort().map((name) => this.#byName.get(name) as User)
  }

  /** Whether the last call of `setDefaultPassword` has set one. */
  get hasDefaultPassword(): boolean {
    return this.#defaultPassword.length > 1
  }

  /** Sets the only password of the default user; empty: it needs none (Redis: `requirepass`). */
  setDefaultPassword(password: string): void {
    this.#defaultPassword = password === '' ? ['nopass'] : ['resetpass', `>${password}`]
    for (const rule of this.#defaultPassword) this.default.apply(rule)
    this.default.update()
    this.observer.changed(this.default)
  }

  /** Creates or changes a user. Returns why nothing was done; `undefined`: all rules are applied. */
  set(name: string, rules: readonly string[]): string | undefined {
    if (!isWord(name)) return BAD_NAME
    const user = this.get(name)
    const staged = new User(name, this.#context)
    if (user !== undefined) staged.become(user)
    const problem = stage(staged, rules)
    if (problem !== undefined) {
      const { rule, reason } = problem
      return rule === undefined
        ? `${reason}.`
        : `Error in ACL SETUSER modifier '${shownRule(rule)}': ${reason}`
    }
    this.#put(staged)
    return undefined
  }

  /** Whether there was such a user. The default user cannot be deleted. */
  delete(name: string): boolean {
    const user = this.get(name)
    if (user === undefined || user === this.default) return false
    this.#byName.delete(name)
    this.observer.removed(user)
    // Whatever still runs for it, such as an upload over HTTP, may do nothing more.
    user.become(new User(name, this.#context))
    return true
  }

  /** Replaces all users. Returns all problems in one line, then nothing was changed; `undefined`: it is done. */
  replaceAll(definitions: readonly UserDefinition[]): string | undefined {
    const { users, problems } = stageUsers(definitions, this.#context)
    if (problems.length > 0) {
      const texts = problems.map(({ place, message }) => `${place}: ${message}.`)
      return [...texts, NOTHING_CHANGED].join(' ')
    }
    if (!users.has(DEFAULT_USER)) users.set(DEFAULT_USER, this.#newDefault())
    for (const name of [...this.#byName.keys()]) if (!users.has(name)) this.delete(name)
    for (const user of users.values()) this.#put(user)
    return undefined
  }

  /** Clients keep the object of their user. */
  #put(staged: User): void {
    const user = this.#byName.get(staged.name) ?? new User(staged.name, this.#context)
    user.become(staged)
    this.#byName.set(user.name, user)
    this.observer.changed(user)
  }

  #newDefault(): User {
    const user = new User(DEFAULT_USER, this.#context)
    for (const rule of ['+@all', '~*', '&*', 'on', ...this.#defaultPassword]) user.apply(rule)
    user.update()
    return user
  }
}

/** An error in a definition. */
interface UserProblem {
  readonly place: string
  readonly message: string
}

/** Makes users of definitions. The messages show no passwords. */
export function stageUsers(
  definitions: readonly UserDefinition[],
  context: RuleContext,
): { readonly users: Map<string, User>; readonly problems: readonly UserProblem[] } {
  const users = new Map<string, User>()
  const problems: UserProblem[] = []
  for (const { name, rules, place } of definitions) {
    if (!isWord(name) || name === '') problems.push({ place, message: BAD_NAME })
    else if (users.has(name)) problems.push({ place, message: `Duplicate user '${name}' found` })
    else {
      const user = new User(name, context)
      users.set(name, user)
      const problem = stage(user, rules)
      if (problem === undefined) continue
      const { rule, reason } = problem
      const where = rule === undefined ? '' : `Error in applying operation '${shownRule(rule)}': `
      problems.push({ place, message: where + reason })
    }
  }
  return { users, problems }
}

/** The first rule that is refused, if it is one, and why. */
interface Refusal {
  readonly rule?: string
  readonly reason: string
}

function stage(user: User, rules: readonly string[]): Refusal | undefined {
  const merged = mergeSelectors(rules)
  if (typeof merged === 'string')
    return { reason: `Unmatched parenthesis in acl selector starting at '${shownRule(merged)}'` }
  for (const rule of merged) {
    const reason = user.apply(rule)
    if (reason !== undefined) return { rule, reason }
  }
  user.update()
  return undefined
}

/** Joins selectors that are spread over several words. A text: the word with the parenthesis that is not closed. */
function mergeSelectors(words: readonly string[]): readonly string[] | string {
  const merged: string[] = []
  let open: string[] | undefined
  for (const word of words) {
    if (open !== undefined) {
      open.push(word)
      if (!word.endsWith(')')) continue
      merged.push(open.join(' '))
      open = undefined
    } else if (word.startsWith('(') && !word.endsWith(')')) open = [word]
    else merged.push(word)
  }
  return open === undefined ? merged : open[0]
}
