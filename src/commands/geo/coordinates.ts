// Coordinates, lengths and units in arguments, coordinates in replies.

import { coordinateText, unitMeters } from '../../bytes/geo/distance.ts'
import { isPosition } from '../../bytes/geo/geohash.ts'
import { formatFixed, parseDouble } from '../../bytes/numbers/double.ts'
import type { ReplyWriter } from '../../resp/reply.ts'
import type { ArgumentSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NOT_A_FLOAT } from '../spec/errors.ts'
import { oneOf, token } from '../spec/shorthand.ts'

/** Argument `i` as a number; NaN after a reply of `error`. */
export function readNumber(c: Context, i: number, error: string): number {
  const { buf, start, end } = c.args
  const value = parseDouble(buf, start[i], end[i])
  if (Number.isNaN(value)) c.reply.error(error)
  return value
}

/** Arguments `i` and `i + 1` as a position. Undefined after an error reply. */
export function readPosition(
  c: Context,
  i: number,
): readonly [longitude: number, latitude: number] | undefined {
  const longitude = readNumber(c, i, NOT_A_FLOAT)
  if (Number.isNaN(longitude)) return undefined
  const latitude = readNumber(c, i + 1, NOT_A_FLOAT)
  if (Number.isNaN(latitude)) return undefined
  if (isPosition(longitude, latitude)) return [longitude, latitude]
  c.reply.error(
    `ERR invalid longitude,latitude pair ${formatFixed(longitude, 6)},${formatFixed(latitude, 6)}`,
  )
  return undefined
}

/** The unit in argument `i`, in meters. NaN after an error reply. */
export function readUnit(c: Context, i: number): number {
  const { buf, start, end } = c.args
  const meters = unitMeters(buf, start[i], end[i])
  if (Number.isNaN(meters)) c.reply.error('ERR unsupported unit provided. please use M, KM, FT, MI')
  return meters
}

/** Writes a longitude and a latitude: doubles, in RESP2 bulk strings. */
export function replyPosition(reply: ReplyWriter, longitude: number, latitude: number): void {
  reply.array(2)
  for (const degrees of [longitude, latitude]) {
    const text = coordinateText(degrees)
    if (reply.protocol === 3) reply.raw(Buffer.from(`,${text}\r\n`, 'latin1'))
    else reply.bulkText(text)
  }
}

/** The unit of a distance. */
export const UNIT: ArgumentSpec = oneOf('unit', [token('M'), token('KM'), token('FT'), token('MI')])
