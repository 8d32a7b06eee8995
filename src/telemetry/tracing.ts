// Traces by OpenTelemetry: spans of requests that wait, for an SDK that the process has registered.

/*
 *   HTTP request → command that misses → load (flight) → batch → call of the origin
 *                → hop to another node
 *
 * Without an SDK nothing is created: `begin` looks at one variable. What is answered from memory over RESP is never
 * traced. The context of a request is that of OpenTelemetry's API where it begins; from there on it is handed over
 * explicitly, because requests of many clients run in one batch of the event loop.
 */

import {
  type Attributes,
  type Context,
  context,
  type Link,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'

export { type Context, SpanKind } from '@opentelemetry/api'

/** The provider of a process without an SDK. */
const NOTHING = new ProxyTracerProvider().getDelegate()

let tracer: Tracer | undefined

/** Looks whether the process has registered an SDK; to be called when a node starts. */
export function enableTracing(version?: string): void {
  const provider = trace.getTracerProvider()
  const isRegistered = !(provider instanceof ProxyTracerProvider) || provider.getDelegate() !== NOTHING
  tracer = isRegistered ? trace.getTracer('erinys', version) : undefined
}

export function isTracing(): boolean {
  return tracer !== undefined
}

/** A span that has begun. */
export interface Traced {
  /** Its descendants begin in this context. */
  readonly context: Context
  /** @param error why it failed; `undefined`: it did not */
  end(error?: string, attributes?: Attributes): void
}

/**
 * Begins a span; `undefined`: nothing is traced.
 *
 * @param parent by default the context that is active
 * @param causes contexts of other spans that led to it, too
 */
export function begin(
  name: string,
  kind: SpanKind,
  attributes: Attributes,
  parent: Context = context.active(),
  causes: readonly (Context | undefined)[] = [],
): Traced | undefined {
  if (tracer === undefined) return undefined
  const links = causes.flatMap((cause): Link[] => {
    const spanContext = cause && trace.getSpanContext(cause)
    return spanContext === undefined ? [] : [{ context: spanContext }]
  })
  const span = tracer.startSpan(name, { kind, attributes, links }, parent)
  return {
    context: trace.setSpan(parent, span),
    end(error, late) {
      if (late !== undefined) span.setAttributes(late)
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error })
      span.end()
    },
  }
}

/** The context that is active; `undefined`: nothing is traced. */
export function activeContext(): Context | undefined {
  return tracer === undefined ? undefined : context.active()
}

/** Runs a function in a context, if there is one. */
export function within<Result>(active: Context | undefined, run: () => Result): Result {
  return active === undefined ? run() : context.with(active, run)
}

/** Runs an asynchronous function as a span in a context. */
export async function traced<Result>(
  name: string,
  kind: SpanKind,
  attributes: Attributes,
  parent: Context | undefined,
  run: () => Promise<Result> | Result,
): Promise<Result> {
  const span = begin(name, kind, attributes, parent)
  if (span === undefined) return run()
  try {
    const result = await context.with(span.context, run)
    span.end()
    return result
  } catch (error) {
    span.end(error instanceof Error ? error.message : String(error))
    throw error
  }
}

/** The context that the headers of a request bring (`traceparent`). */
export function extracted(headers: Readonly<Record<string, unknown>>): Context {
  return propagation.extract(ROOT_CONTEXT, headers)
}

/** Adds the headers that carry the active context. */
export function inject(headers: Record<string, string>): void {
  if (tracer !== undefined) propagation.inject(context.active(), headers)
}
