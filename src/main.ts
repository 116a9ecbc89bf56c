#!/usr/bin/env node
import { run } from './cli/commands.ts'

process.exitCode = await run(process.argv)
// What does not answer any more, such as a database that went away, must not keep a process that has stopped.
setTimeout(() => process.exit(), 500).unref()
