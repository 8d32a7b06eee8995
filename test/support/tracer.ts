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
  type Tracer,
  trace,
} from '@opentelemetry/api'

export interface RecordedSpan {
  readonly name: string
  readonly kind: number | undefined
  readonly attributes: Attributes
  readonly links: readonly Link[]
  readonly id: string
  readonly traceId: string
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

/** Registers the SDK. Returns the spans that have begun, and what removes it. */
export function registerTracer(): { readonly spans: RecordedSpan[]; remove(): void } {
  const spans: RecordedSpan[] = []
  const tracer: Tracer = {
    startSpan: (name: string, options: SpanOptions = {}, active: Context = context.active()) => {
      const parent = trace.getSpanContext(active)
      const recorded: RecordedSpan = {
        name,
        kind: options.kind,
        attributes: { ...options.attributes },
        links: options.links ?? [],
        id: randomBytes(8).toString('hex'),
        traceId: parent?.traceId ?? randomBytes(16).toString('hex'),
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
  return {
    spans,
    remove() {
      trace.disable()
      context.disable()
      propagation.disable()
    },
  }
}

function spanOf(recorded: RecordedSpan): Span {
  const span: Partial<Span> = {
    spanContext: () => ({ traceId: recorded.traceId, spanId: recorded.id, traceFlags: 1 }),
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
