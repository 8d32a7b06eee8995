// An SDK of OpenTelemetry for tests, as small as it can be: it keeps the spans, and follows contexts through promises.

import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  isSpanContextValid,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanOptions,
  type TextMapPropagator,
  TraceFlags,
  type Tracer,
  type TraceState,
  trace,
} from '@opentelemetry/api'
import { enableTracing } from '../../src/telemetry/tracing.ts'

export interface RecordedSpan {
  readonly name: string
  readonly kind: number | undefined
  readonly attributes: Attributes
  readonly links: Link[]
  readonly id: string
  readonly traceId: string
  readonly traceFlags: number
  readonly traceState: TraceState | undefined
  /** The id of its parent. */
  readonly parent: string | undefined
  error: string | undefined
  hasEnded: boolean
}

class Contexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>()

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT
  }

  with<Args extends unknown[], Run extends (...args: Args) => ReturnType<Run>>(
    active: Context,
    run: Run,
    self?: ThisParameterType<Run>,
    ...args: Args
  ): ReturnType<Run> {
    return this.#storage.run(active, () => run.call(self, ...args))
  }

  bind<Target>(_active: Context, target: Target): Target {
    return target
  }

  enable(): this {
    return this
  }

  disable(): this {
    return this
  }
}

const propagator: TextMapPropagator = {
  inject(active, carrier) {
    const { traceId, spanId } = trace.getSpanContext(active) ?? {}
    if (traceId !== undefined) (carrier as Record<string, string>).traceparent = `00-${traceId}-${spanId}-01`
  },
  extract(active, carrier) {
    const { traceparent } = carrier as Record<string, string | undefined>
    const [, traceId, spanId] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(traceparent ?? '') ?? []
    const spanContext: SpanContext = { traceId, spanId, traceFlags: 1, isRemote: true }
    return isSpanContextValid(spanContext) ? trace.setSpanContext(active, spanContext) : active
  },
  fields: () => ['traceparent'],
}

export interface RegisteredTracer {
  /** The spans that have begun. */
  readonly spans: RecordedSpan[]
  /** Whether traces that begin from now on are sampled. */
  isSampling: boolean
  /** The names of a span and its ancestors, itself first. */
  pathOf(span: RecordedSpan | undefined): string[]
  named(name: string): RecordedSpan[]
  remove: () => void
}

/** Registers the SDK. */
export function registerTracer(): RegisteredTracer {
  const spans: RecordedSpan[] = []
  const tracer: Tracer = {
    startSpan: (name: string, options: SpanOptions = {}, active: Context = context.active()) => {
      const parent = trace.getSpanContext(active)
      const recorded: RecordedSpan = {
        name,
        kind: options.kind,
        attributes: { ...options.attributes },
        links: [...(options.links ?? [])],
        id: randomBytes(8).toString('hex'),
        traceId: parent?.traceId ?? randomBytes(16).toString('hex'),
        traceFlags: parent?.traceFlags ?? (registered.isSampling ? TraceFlags.SAMPLED : TraceFlags.NONE),
        traceState: parent?.traceState,
        parent: parent?.spanId,
        error: undefined,
        hasEnded: false,
      }
      spans.push(recorded)
      return spanOf(recorded)
    },
    startActiveSpan: () => {
      throw new Error('not used')
    },
  }
  trace.setGlobalTracerProvider({ getTracer: () => tracer })
  context.setGlobalContextManager(new Contexts())
  propagation.setGlobalPropagator(propagator)
  const registered: RegisteredTracer = {
    spans,
    isSampling: true,
    pathOf: (span) =>
      span === undefined ? [] : [span.name, ...registered.pathOf(spans.find(({ id }) => id === span.parent))],
    named: (name) => spans.filter((span) => span.name === name),
    remove() {
      trace.disable()
      context.disable()
      propagation.disable()
      enableTracing()
    },
  }
  return registered
}

/** The same without a node, which looks for an SDK when it starts: traces until it is removed. */
export function startTracing(): RegisteredTracer {
  const sdk = registerTracer()
  enableTracing()
  return sdk
}

function spanOf(recorded: RecordedSpan): Span {
  const span: Partial<Span> = {
    spanContext: () => {
      const { traceId, id: spanId, traceFlags, traceState } = recorded
      return { traceId, spanId, traceFlags, ...(traceState && { traceState }) }
    },
    addLink(link) {
      recorded.links.push(link)
      return span as Span
    },
    setAttributes(attributes) {
      Object.assign(recorded.attributes, attributes)
      return span as Span
    },
    setStatus({ message }) {
      recorded.error = message
      return span as Span
    },
    end() {
      recorded.hasEnded = true
    },
    isRecording: () => true,
  }
  return span as Span
}
