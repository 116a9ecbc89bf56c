#!/usr/bin/env node
import { run } from './cli/commands.ts'

process.exitCode = await run(process.argv)
// A resource that no longer responds, such as a lost database, must not keep a stopped process alive.
setTimeout(() => process.exit(), 500).unref()
