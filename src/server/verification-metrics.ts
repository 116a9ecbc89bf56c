import { Counter, Gauge, type Registry } from 'prom-client'

/** What verification keeps in memory, and its results. */
export interface VerificationMemory {
  readonly entries: number
  readonly bytes: number
  readonly hits: number
  readonly misses: number
  /** How often a mark had moved. */
  readonly marksMoved: number
  /** Seconds since the newest mark was requested; null before the first. */
  readonly markAge: number | null
}

export interface VerificationReadings {
  /** How many ACTIVE keys used each pepper at the last count. */
  keysPerPepper(): Readonly<Record<string, number>> | null
  /** Null on a node that verifies nothing. */
  memory(): VerificationMemory | null
  /** How many verifications wait for a statement, by lane. */
  waiting(): Readonly<Record<string, number>>
}

/** Exposes at each read what verification counts itself: a counter that is incremented for each request costs more than a number. */
export function exposeVerification(exposed: Registry, { memory, waiting, keysPerPepper }: VerificationReadings): void {
  const registers = [exposed]
  const of = (read: (memory: VerificationMemory) => number): number => {
    const now = memory()
    return now ? read(now) : 0
  }
  const gauge = (name: string, help: string, read: (memory: VerificationMemory) => number) =>
    new Gauge({
      name: `aura_keys_${name}`,
      help,
      registers,
      collect() {
        this.set(of(read))
      },
    })
  const counter = (name: string, help: string, read: (memory: VerificationMemory) => number) =>
    new Counter({
      name: `aura_keys_${name}`,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(of(read))
      },
    })
  const byLabel = (name: string, help: string, label: string, read: () => Readonly<Record<string, number>>) =>
    new Gauge({
      name: `aura_keys_${name}`,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset()
        for (const [value, count] of Object.entries(read())) this.set({ [label]: value }, count)
      },
    })
  counter('verification_hits_total', 'Verifications decided from memory.', ({ hits }) => hits)
  counter('verification_misses_total', 'Verifications that ask the database.', ({ misses }) => misses)
  counter('verification_marks_moved_total', 'Marks of organizations that a denial has moved since they were last read.', ({ marksMoved }) => marksMoved)
  gauge('verification_entries', 'Keys in memory for verification.', ({ entries }) => entries)
  gauge('verification_bytes', 'Bytes of the keys in memory, as their limit counts them.', ({ bytes }) => bytes)
  gauge('verification_mark_age_seconds', 'Seconds since the newest mark was requested; -1 before the first.', ({ markAge }) => markAge ?? -1)
  byLabel('verifications_waiting', 'Verifications that wait for a statement, by lane.', 'lane', waiting)
  byLabel(
    'keys_per_pepper',
    'ACTIVE keys by the pepper that they are stored under, counted each minute if there are several peppers.',
    'pepper',
    () => keysPerPepper() ?? {},
  )
}
