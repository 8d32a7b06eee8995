import { expect, test } from 'vitest'
import { UrlTemplate } from '../../../src/origin/http/url-template.ts'

test.each<[template: string, key: string, captures: string[], url: string | undefined]>([
  ['http://h/users/{id}', 'user:7', ['7'], 'http://h/users/7'],
  ['http://h/{key}/{id}?q={id}', 'user:7', ['7'], 'http://h/user%3A7/7?q=7'],
  ['http://h/{key}', 'a/b?c#d%2e &é', ['x'], 'http://h/a%2Fb%3Fc%23d%252e%20%26%C3%A9'],
  ['http://h/{key}', '..', ['x'], undefined],
  ['http://h/{key}', '.', ['x'], undefined],
  ['http://h/.{key}', '.', ['x'], undefined],
  ['http://h/pages/{key}', '../../admin', ['x'], undefined],
  ['http://h/pages/{key}', 'a\\..\\b', ['x'], undefined],
  ['http://h/pages/{key}', 'a/.', ['x'], undefined],
  ['http://h/.{key}', './x', ['x'], undefined],
  ['http://h/{id}/{key}', '..', ['x/..'], undefined],
  ['http://h/{id}?k={key}', '../x', ['a/b'], 'http://h/a%2Fb?k=..%2Fx'],
  ['http://h/{key}?from=/../x', 'a', ['x'], 'http://h/a?from=/../x'],
  ['http://h/{key}', '?/../x', ['x'], undefined],
  ['http://h/{key}', 'a..b/..c', ['x'], 'http://h/a..b%2F..c'],
  ['http://h/{key}', '...', ['x'], 'http://h/...'],
  ['http://h/v?k={key}', '..', ['x'], 'http://h/v?k=..'],
  ['http://h/{key}', '', ['x'], undefined],
])('%s for %j', (template, key, captures, url) => {
  expect(new UrlTemplate(template, ['id']).fill(key, captures)).toBe(url)
})

test.each([
  ['http://h/', 'the URL has no placeholder for the key'],
  ['http://{key}/', 'it does not begin with http:// or https:// and the address of a server'],
  ['http://h{key}', 'it does not begin'],
  ['{key}', 'it does not begin'],
  ['ftp://h/{key}', 'it does not begin'],
  ['http://h:port/{key}', 'it does not begin'],
  ['http://h/{slug}', '{slug} is not a capture of keys, known are key, id'],
  ['http://h/{key}#x', 'the URL has a fragment'],
])('%s is refused', (template, message) => {
  expect(() => new UrlTemplate(template, ['id'])).toThrow(message)
})
