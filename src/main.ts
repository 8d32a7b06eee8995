#!/usr/bin/env node
// The executable `erinys`; `cli/` has the command line.

import './cli/cli.ts'
