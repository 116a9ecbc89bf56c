import type { Reporter, TestModule } from 'vitest/node'

/** Prints how many tests ran per store and fails the run when a test was skipped or the stores differ. Ends with one plain line. */
export default class StoreReporter implements Reporter {
  readonly #leftOut: Readonly<Record<string, readonly string[]>>

  /** `leftOut`: files that need programs which this machine has not, with these. */
  constructor(options?: { leftOut?: Readonly<Record<string, readonly string[]>> }) {
    this.#leftOut = options?.leftOut ?? {}
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const perProject = new Map<string, number>()
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        perProject.set(module.project.name, (perProject.get(module.project.name) ?? 0) + 1)
        counts[test.result().state]++
      }
    }
    const [pglite, postgresql] = [perProject.get('pglite') ?? 0, perProject.get('postgresql') ?? 0]
    console.log(`\nTests per store: pglite ${pglite}, postgresql ${postgresql}; without a store ${perProject.get('no store') ?? 0}`)
    const wholeRun = perProject.size === 3
    if (wholeRun && pglite !== postgresql) {
      console.error('The stores did not run the same tests.')
      process.exitCode = 1
    }
    if (wholeRun && counts.skipped + counts.pending > 0) {
      console.error(`${counts.skipped + counts.pending} tests did not run.`)
      process.exitCode = 1
    }
    for (const [file, needed] of Object.entries(this.#leftOut)) console.log(`Left out: ${file}, which needs ${needed.join(', ')}. CI runs it.`)
    console.log(`${counts.passed} passed, ${counts.failed} failed`)
  }
}
