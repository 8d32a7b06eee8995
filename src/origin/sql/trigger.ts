// The SQL that makes PostgreSQL tell of changes to a table: triggers that notify the channel of a group.

export interface TriggerOptions {
  /** With its schema, if it needs one: `shop.users`. */
  readonly table: string
  /** The column that is in the key. */
  readonly column: string
  readonly channel: string
  /** The key, with a place for the column: `user:{id}`. */
  readonly key: string
}

/** What is around the body of the function. */
const QUOTE = '$erinys$'

const PLACE = /\{[^{}]*\}/

/** @throws Error for a key that has no place for the column, or several */
export function triggerSql({ table, column, channel, key }: TriggerOptions): string {
  const [before, after, ...rest] = key.split(PLACE)
  if (after === undefined || rest.length > 0)
    throw new Error(`got the key ${JSON.stringify(key)}, wants one place for the column, as in 'user:{id}'`)
  if ([table, column, channel, key].some((text) => text.includes(QUOTE)))
    throw new Error(`a name with ${QUOTE} in it cannot be written`)
  const parts = table.split('.')
  const target = parts.map(quoted).join('.')
  const name = [...parts.slice(0, -1), `erinys_${parts.at(-1)}_changed`.slice(0, 60)].map(quoted).join('.')
  const keyOf = (row: string): string =>
    [
      ...(before === '' ? [] : [literal(before)]),
      `${row}.${quoted(column)}::text`,
      ...(after === '' ? [] : [literal(after)]),
    ].join(' || ')
  const notify = (payload: string): string => `perform pg_notify(${literal(channel)}, ${payload});`
  const tell = (row: string): string => notify(`json_build_object('key', ${keyOf(row)})::text`)
  return `-- Tells the channel ${oneLine(channel)} of every change to ${oneLine(table)}, once its transaction is committed.
create or replace function ${name}() returns trigger language plpgsql as ${QUOTE}
begin
  if tg_op = 'TRUNCATE' then
    ${notify(`'{"all": true}'`)}
    return null;
  end if;
  if tg_op <> 'INSERT' then
    ${tell('old')}
  end if;
  if tg_op <> 'DELETE' and (tg_op = 'INSERT' or new.${quoted(column)} is distinct from old.${quoted(column)}) then
    ${tell('new')}
  end if;
  return null;
end
${QUOTE};

drop trigger if exists erinys_changed on ${target};
create trigger erinys_changed after insert or update or delete on ${target}
  for each row execute function ${name}();

drop trigger if exists erinys_truncated on ${target};
create trigger erinys_truncated after truncate on ${target}
  for each statement execute function ${name}();
`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Standard strings; a backslash needs no care as `standard_conforming_strings` is on. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}
