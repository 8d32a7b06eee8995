// OpenTelemetry traces: spans of requests that wait, for an SDK that the process has registered.

/*
 *   HTTP request → command → load (flight) → batch → call of the origin
 *                          → hop → command at the other node → load → …
 *
 * Without an SDK nothing is created: `begin` checks one variable. A command has a span only if it waits for a load or
 * for another node: commands that are answered from memory over RESP are never traced. OpenTelemetry's active context
 * is read only where a request begins; from there on the context is passed explicitly, because requests of many clients
 * run in one event-loop batch.
 */

import {
  type Attributes,
  type Context,
  context,
  createTraceState,
  isSpanContextValid,
  type Link,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'

export { type Context, ROOT_CONTEXT as NO_PARENT, type SpanContext, SpanKind } from '@opentelemetry/api'

/** The provider of a process without an SDK. */
const NOTHING = new ProxyTracerProvider().getDelegate()

let tracer: Tracer | undefined

/** Checks whether the process has registered an SDK. Call when a node starts. */
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
  /**
   * Only the first call counts.
   *
   * @param error why it failed; `undefined`: it did not
   */
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
  let hasEnded = false
  return {
    context: trace.setSpan(parent, span),
    end(error, late) {
      if (hasEnded) return
      hasEnded = true
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

/** The span of a context, if it is sampled; others are not stored anywhere. */
export function sampledSpan(active: Context | undefined): SpanContext | undefined {
  const span = active && trace.getSpanContext(active)
  return span === undefined || (span.traceFlags & TraceFlags.SAMPLED) === 0 ? undefined : span
}

/** Links the active span to another one that it waits for. */
export function linkActive(cause: Context): void {
  const spanContext = trace.getSpanContext(cause)
  if (spanContext !== undefined) trace.getActiveSpan()?.addLink({ context: spanContext })
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

/** A context as text: the values of the headers `traceparent` and `tracestate` (W3C Trace Context); '': there is none. */
export interface TraceHeaders {
  readonly traceparent: string
  readonly tracestate: string
}

/** The headers that carry a context to another node of the cluster, whatever propagators the process uses. */
export function headersOf(active: Context): TraceHeaders | undefined {
  const span = trace.getSpanContext(active)
  if (span === undefined || !isSpanContextValid(span)) return undefined
  const flags = (span.traceFlags & 0xff).toString(16).padStart(2, '0')
  return {
    traceparent: `00-${span.traceId}-${span.spanId}-${flags}`,
    tracestate: span.traceState?.serialize() ?? '',
  }
}

/** The same for the active context, if its span is sampled. */
export function sampledHeaders(): TraceHeaders | undefined {
  if (tracer === undefined) return undefined
  const active = context.active()
  const flags = trace.getSpanContext(active)?.traceFlags ?? TraceFlags.NONE
  return (flags & TraceFlags.SAMPLED) === 0 ? undefined : headersOf(active)
}

/** Later versions of the format have more parts behind the flags. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/

/**
 * The reverse of `headersOf`. `undefined`: nothing is traced, or the first header is not valid. A member of the second
 * one that is not valid is left out.
 */
export function contextOf({ traceparent, tracestate }: TraceHeaders): Context | undefined {
  if (tracer === undefined) return undefined
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent) ?? []
  if (traceId === undefined) return undefined
  const span: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(tracestate === '' ? {} : { traceState: createTraceState(tracestate) }),
  }
  return isSpanContextValid(span) ? trace.setSpanContext(ROOT_CONTEXT, span) : undefined
}
