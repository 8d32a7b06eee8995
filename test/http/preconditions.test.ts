// Conditions of requests (RFC 9110, section 13), and bodies that are no whole values: they are obeyed or refused.

import { describe, expect, test } from 'vitest'
import { problemOf, startHttp } from '../support/http.ts'

const FAILED = { status: 412, type: 'precondition-failed' }

describe('PUT', () => {
  test('with If-None-Match: * creates, and does not overwrite', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const headers = { 'If-None-Match': '*' }
    expect((await node.ask('/cache/g/a', { method: 'PUT', headers, body: '1' })).status).toBe(204)
    expect(problemOf(await node.ask('/cache/g/a', { method: 'PUT', headers, body: '2' }))).toEqual(FAILED)
    expect((await node.ask('/cache/g/a')).text).toBe('1')
  })

  test('with If-None-Match: * finds a value that only the origin has', async () => {
    const node = await startHttp({ groups: { g: { origin: (key) => (key === 'old' ? 'v' : null) } } })
    const headers = { 'If-None-Match': '*' }
    expect(problemOf(await node.ask('/cache/g/old', { method: 'PUT', headers, body: '2' }))).toEqual(FAILED)
    expect((await node.ask('/cache/g/new', { method: 'PUT', headers, body: '2' })).status).toBe(204)
  })

  test('with If-Match: * overwrites, and does not create', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const headers = { 'If-Match': '*' }
    const put = () => node.ask('/cache/g/a?ttl=1h', { method: 'PUT', headers, body: '2' })
    expect(problemOf(await put())).toEqual(FAILED)
    await node.ask('/cache/g/a', { method: 'PUT', body: '1' })
    expect((await put()).status).toBe(204)
    expect((await node.ask('/cache/g/a')).text).toBe('2')
  })

  test.each([
    ['If-Match', '"tag"'],
    ['If-None-Match', 'W/"tag"'],
  ])(
    'with %s: %s, which cannot be checked in one step with the write, changes nothing',
    async (name, value) => {
      const node = await startHttp({ groups: { g: {} } })
      const headers = { [name]: value }
      const put = await node.ask('/cache/g/a', { method: 'PUT', headers, body: '1' })
      expect(problemOf(put)).toEqual({ status: 501, type: 'unsupported-condition' })
      expect(put.json().detail).toContain(name)
      expect((await node.ask('/cache/g/a')).status).toBe(404)
    },
  )

  test('of a part of a value is refused', async () => {
    const node = await startHttp({ groups: { g: {} } })
    await node.ask('/cache/g/a', { method: 'PUT', body: 'abc' })
    const headers = { 'Content-Range': 'bytes 0-0/3' }
    const put = await node.ask('/cache/g/a', { method: 'PUT', headers, body: 'x' })
    expect(problemOf(put)).toEqual({ status: 400, type: 'bad-request' })
    expect((await node.ask('/cache/g/a')).text).toBe('abc')
  })

  test('of a coded body is refused: it would be served without its coding', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const put = (coding: string) =>
      node.ask('/cache/g/a', { method: 'PUT', headers: { 'Content-Encoding': coding }, body: 'x' })
    expect(problemOf(await put('gzip'))).toEqual({ status: 415, type: 'unsupported-media-type' })
    expect((await node.ask('/cache/g/a')).status).toBe(404)
    expect((await put('identity')).status).toBe(204)
  })
})

describe('DELETE', () => {
  test('with If-Match: * says whether there was a value', async () => {
    const node = await startHttp({ groups: { g: {} } })
    const headers = { 'If-Match': '*' }
    const remove = () => node.ask('/cache/g/a', { method: 'DELETE', headers })
    expect(problemOf(await remove())).toEqual(FAILED)
    await node.ask('/cache/g/a', { method: 'PUT', body: '1' })
    expect((await remove()).status).toBe(204)
  })

  test('with If-Match: * finds a value that only the origin has', async () => {
    const removed: string[] = []
    const origin = {
      load: (key: string) => (key === 'old' ? 'v' : null),
      store: () => undefined,
      remove: (key: string) => void removed.push(key),
    }
    const node = await startHttp({ groups: { g: { origin, write: 'through' } } })
    const remove = (key: string) =>
      node.ask(`/cache/g/${key}`, { method: 'DELETE', headers: { 'If-Match': '*' } })
    expect(problemOf(await remove('none'))).toEqual(FAILED)
    expect(removed).toEqual([])
    expect((await remove('old')).status).toBe(204)
    expect(removed).toEqual(['old'])
  })

  test.each([
    ['If-Match', '"tag"'],
    ['If-None-Match', '*'],
  ])('with %s: %s changes nothing', async (name, value) => {
    const headers = { [name]: value }
    const node = await startHttp({ groups: { g: {} } })
    await node.ask('/cache/g/a', { method: 'PUT', body: '1' })
    expect(problemOf(await node.ask('/cache/g/a', { method: 'DELETE', headers }))).toEqual({
      status: 501,
      type: 'unsupported-condition',
    })
    expect((await node.ask('/cache/g/a')).status).toBe(200)
  })
})

describe('GET', () => {
  test('with If-Match is answered if the value is the one that the client means', async () => {
    const node = await startHttp({ groups: { g: {} } })
    await node.ask('/cache/g/a', { method: 'PUT', body: 'abc' })
    const get = (condition: string, more = {}) =>
      node.ask('/cache/g/a', { headers: { 'If-Match': condition, ...more } })
    const tag = (await node.ask('/cache/g/a')).headers.etag as string
    expect((await get(tag)).status).toBe(200)
    expect((await get('*')).status).toBe(200)
    expect((await get(`"x", ${tag}`, { Range: 'bytes=1-1' })).text).toBe('b')
    expect(problemOf(await get('"x"'))).toEqual(FAILED)
    // A weak validator never matches here (RFC 9110, section 13.1.1).
    expect(problemOf(await get(`W/${tag}`))).toEqual(FAILED)
    // It counts before If-None-Match.
    expect(problemOf(await get('"x"', { 'If-None-Match': tag }))).toEqual(FAILED)
  })
})
