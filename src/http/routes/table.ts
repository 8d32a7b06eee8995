// Every route family, one line each: a new family is imported and listed here.

import type { Route } from '../route.ts'
import { dashboardRoutes } from './dashboard.ts'
import { healthRoutes } from './health.ts'
import { introspectionRoutes } from './introspection.ts'
import { manyRoutes } from './many.ts'
import { metricsRoutes } from './metrics.ts'
import { purgeRoutes } from './purge.ts'
import { valueRoutes } from './values.ts'

export function allRoutes(): readonly Route[] {
  return [
    ...valueRoutes,
    ...manyRoutes,
    ...purgeRoutes,
    ...introspectionRoutes,
    ...metricsRoutes,
    ...healthRoutes,
    ...dashboardRoutes,
  ]
}
