// The settings of the HTTP gateway as data: field, accepted values, default, and how each is shown.

import { isIP } from 'node:net'
import { z } from 'zod'
import { formatDuration, formatSize } from '../bytes/units.ts'
import type { HttpOptions } from '../http/options.ts'
import type { BindAddress } from '../server/settings.ts'
import {
  addresses,
  duration,
  fields,
  list,
  reader,
  size,
  webOrigin,
  whole,
  within,
  yesNo,
} from './readers.ts'
import { asAddresses, asYesNo, LOOPBACK, type Setting } from './setting.ts'

/**
 * One setting. Its key in `httpSettings`, in kebab case, is the flag (`--http-port`), and in upper case the variable
 * (`ERINYS_HTTP_PORT`).
 */
export interface HttpSetting<Output, Input> extends Setting<Output, Input> {
  /** The name of its field below `http` in a configuration file. */
  readonly field: string
}

/** The `http` of a configuration. `false`: no HTTP. */
export type HttpInput =
  | boolean
  | {
      /** The port; 0: no HTTP, 'any': any free port. Default: 7080. */
      readonly port?: number | string
      /** The addresses to listen on; `*`: all. Default: loopback. */
      readonly bind?: string | readonly string[]
      /** Host names accepted in requests, besides addresses and `localhost`; `*`: any. Default: none. */
      readonly hosts?: string | readonly string[]
      /** Web origins whose pages may send requests (CORS), such as `'https://app.example'`; `*`: any. Default: none. */
      readonly cors?: string | readonly string[]
      /** HTTPS, with the certificates of `tlsCertFile` and as `tlsAuthClients` says, and no HTTP. Default: false. */
      readonly tls?: boolean | 'yes' | 'no'
      /** Maximum number of connections. Default: 1000. */
      readonly maxConnections?: number | string
      /** Connections without any traffic for longer are closed. Default: '60s'. */
      readonly timeout?: number | string
      /** Maximum size of the bodies that are received at the same time. Default: '256mb'. */
      readonly maxUploads?: number | string
      /** Compress large texts for clients that accept it. Default: false. */
      readonly compress?: boolean | 'yes' | 'no'
    }

/** The resolved settings. */
export interface HttpConfig extends HttpOptions {
  /** 0: the system chooses one. */
  readonly port: number
  /** The port is the default, not configured: if it is in use, the node starts without HTTP. */
  readonly isDefaultPort: boolean
  readonly bind: readonly BindAddress[]
  /** HTTPS, and no HTTP. */
  readonly tls: boolean
  readonly maxConnections: number
}

/** The port of a node that is started from the command line. */
export const DEFAULT_HTTP_PORT = 7080

/** The port that the system chooses: 0 means no HTTP. */
export const ANY_PORT = 'any'

const HOST_PATTERN = /^(\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?)$/i

export const httpSettings = {
  httpPort: setting<number | 'any', number | string>({
    field: 'port',
    reads: reader("a port from 1 to 65535, 0 for none or 'any' for any free one", (value) => {
      if (value === ANY_PORT) return ANY_PORT
      return whole(0, 65_535).safeParse(value).data
    }),
    fallback: DEFAULT_HTTP_PORT,
    argument: '<port>',
    summary: 'port of the HTTP gateway; 0: no HTTP, any: any free one',
    write: String,
  }),
  httpBind: setting<readonly BindAddress[], string | readonly string[]>({
    field: 'bind',
    reads: addresses,
    fallback: LOOPBACK,
    argument: '<address...>',
    summary: 'addresses of the HTTP gateway; *: all',
    write: asAddresses,
  }),
  httpHosts: setting<readonly string[], string | readonly string[]>({
    field: 'hosts',
    reads: list("host names such as ['cache.internal', '*.example.org'], or '*' for any", (text) =>
      HOST_PATTERN.test(text) && (isIP(text) === 0 || undefined) ? text.toLowerCase() : undefined,
    ),
    fallback: [],
    argument: '<name...>',
    summary: 'host names accepted in HTTP requests, besides addresses and localhost; *: any',
    fallbackText: 'any with a password, else none',
    write: (names) => names.join(' '),
  }),
  httpCors: setting<readonly string[], string | readonly string[]>({
    field: 'cors',
    reads: list("web origins such as ['https://app.example'], or '*' for any", (text) =>
      text === '*' ? text : webOrigin(text),
    ),
    fallback: [],
    argument: '<origin...>',
    summary: 'web pages of these origins may use the HTTP gateway; *: any',
    fallbackText: 'none',
    write: (origins) => origins.join(' '),
  }),
  httpTls: setting({
    field: 'tls',
    reads: yesNo,
    fallback: false,
    argument: '<yes|no>',
    summary:
      'HTTPS instead of HTTP, with the certificate of tls-cert-file; tls-auth-clients applies to its clients',
    write: asYesNo,
  }),
  httpMaxConnections: setting({
    field: 'maxConnections',
    reads: whole(1, 1_000_000),
    fallback: 1000,
    argument: '<number>',
    summary: 'maximum number of HTTP connections',
    write: String,
  }),
  httpTimeout: setting({
    field: 'timeout',
    reads: duration(100, 'timed'),
    fallback: 60_000,
    argument: '<duration>',
    summary: 'close HTTP connections that are idle, or receive an incomplete request, for longer',
    write: formatDuration,
  }),
  httpMaxUploads: setting({
    field: 'maxUploads',
    reads: size('64kb'),
    fallback: 256 * 2 ** 20,
    argument: '<size>',
    summary: 'maximum size of all bodies of HTTP requests that are received at the same time',
    write: formatSize,
  }),
  httpCompress: setting({
    field: 'compress',
    reads: yesNo,
    fallback: false,
    argument: '<yes|no>',
    summary: 'compress large texts for HTTP clients that accept gzip or br',
    write: asYesNo,
  }),
}

/** The name of a setting: its flag in camel case. */
export type HttpSettingName = keyof typeof httpSettings

/** The settings that were given, without defaults. */
export type HttpValues = {
  readonly [Name in HttpSettingName]?: (typeof httpSettings)[Name]['fallback']
}

export const httpSettingNames = Object.keys(httpSettings) as readonly HttpSettingName[]

/** The `http` of a configuration file, parsed. */
export interface WrittenHttp {
  readonly isOn: boolean
  readonly values: HttpValues
}

export function httpSchema(): z.ZodType<WrittenHttp> {
  const object = fields(
    Object.fromEntries(
      httpSettingNames.map((name) => [httpSettings[name].field, httpSettings[name].reads.optional()]),
    ),
  )
  return z.unknown().transform((value, context): WrittenHttp => {
    if (typeof value === 'boolean') return { isOn: value, values: {} }
    const written = within(context, object.safeParse(value)) as Readonly<Record<string, unknown>>
    const given = httpSettingNames
      .map((name) => [name, written[httpSettings[name].field]] as const)
      .filter(([, each]) => each !== undefined)
    return { isOn: true, values: Object.fromEntries(given) }
  })
}

/**
 * Resolves the settings; `undefined`: no HTTP.
 * @param isOn whether HTTP is on if no port is given
 * @param defaultPort the port if none is given
 */
export function decideHttp(
  values: HttpValues,
  isOn: boolean,
  defaultPort: number = DEFAULT_HTTP_PORT,
): HttpConfig | undefined {
  const given = values.httpPort ?? (isOn ? defaultPort : 0)
  if (given === 0) return undefined
  return {
    port: given === ANY_PORT ? 0 : given,
    isDefaultPort: values.httpPort === undefined,
    bind: values.httpBind ?? httpSettings.httpBind.fallback,
    hosts: values.httpHosts ?? httpSettings.httpHosts.fallback,
    cors: values.httpCors ?? httpSettings.httpCors.fallback,
    tls: values.httpTls ?? httpSettings.httpTls.fallback,
    maxConnections: values.httpMaxConnections ?? httpSettings.httpMaxConnections.fallback,
    timeout: values.httpTimeout ?? httpSettings.httpTimeout.fallback,
    maxUploads: values.httpMaxUploads ?? httpSettings.httpMaxUploads.fallback,
    compress: values.httpCompress ?? httpSettings.httpCompress.fallback,
  }
}

/** The values of the resolved settings, for the output of `erinys check`. */
export function httpValuesOf(config: HttpConfig): Readonly<Record<HttpSettingName, unknown>> {
  return {
    httpPort: config.port === 0 ? ANY_PORT : config.port,
    httpBind: config.bind,
    httpHosts: config.hosts,
    httpCors: config.cors,
    httpTls: config.tls,
    httpMaxConnections: config.maxConnections,
    httpTimeout: config.timeout,
    httpMaxUploads: config.maxUploads,
    httpCompress: config.compress,
  }
}

function setting<Output, Input>(spec: HttpSetting<Output, Input>): HttpSetting<Output, Input> {
  return spec
}
