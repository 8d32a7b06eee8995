// In every test, lookups are prefetched however few entries there are.

import { Prefetcher } from '../../src/store/prefetcher.ts'

Prefetcher.minEntries = 0
