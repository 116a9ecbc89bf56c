import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock, Metrics } from '../ports.ts'
import { exposeVerification, type VerificationReadings } from './verification-metrics.ts'

/** What is read when the metrics are requested. */
export interface Readings extends VerificationReadings {
  sockets(): number
  streams(): number
  subscriptions(): number
  groups(): number
  /** Operations that run, and those that wait for their turn. */
  operationsRunning(): number
  operationsWaiting(): number
  /** Answers to queries that are kept, and their bytes. */
  keptAnswers(): number
  keptAnswersBytes(): number
  /** Whether hints of other nodes arrive; null if there is nothing to receive. */
  isListening(): boolean | null
}

/** Close codes of the protocol and of this server; clients can send others. */
const closeCodes = /^(10\d\d|44\d\d|4500|stream_\w+)$/

/** Prometheus metrics of one node, in its own registry, so that a process can hold several. */
export function createMetrics(clock: Clock) {
  const exposed = new Registry()
  const registers = [exposed]
  const counter = (name: string, help: string) => new Counter({ name: `aura_keys_${name}`, help, registers })
  const labelled = (name: string, help: string, label: string) => new Counter({ name: `aura_keys_${name}`, help, labelNames: [label], registers })
  const deliveries = counter('deliveries_total', 'Answers sent to subscribers.')
  const conflations = counter('conflations_total', 'Answers skipped because their reader was behind and gets newer ones.')
  const hintsDropped = counter('hints_dropped_total', 'Invalid notifications between nodes.')
  const linesLeftOut = counter('log_lines_left_out_total', 'Lines left out of the log because it has enough like them in the same minute.')
  const refusals = labelled('refusals_total', 'Requests refused because the caller has no right, by error code.', 'code')
  const rateLimits = labelled('rate_limited_total', 'Requests refused because a limit is reached, by limit.', 'limit')
  const failures = labelled('failures_total', 'Errors that the caller did not cause, by error code.', 'code')
  const closes = labelled('closes_total', 'Closed sockets and event streams, by close code or reason.', 'reason')
  const lag = new Histogram({
    name: 'aura_keys_delivery_lag_seconds',
    help: 'Seconds from a change to its delivery on this node, by the clocks of both nodes.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const undecided = labelled('verifications_undecided_total', 'Undecided verifications, by reason: they return 503, or the caller is gone.', 'reason')
  const lookups = labelled('verification_statements_total', 'Statements that read keys for verifications, by lane.', 'lane')
  const reads = labelled('verification_reads_total', 'Keys and marks that those statements asked for, by lane.', 'lane')
  const asked = new Histogram({
    name: 'aura_keys_verification_seconds',
    help: 'Seconds of a verification that asks the database; one from memory is too short to measure.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  })
  const port: Metrics = {
    answered: countQuickly(registers, 'answers_total', 'Answers to queries that may be kept: kept ones that were sent again, and executed ones.', 'by'),
    delivered: (answers) => deliveries.inc(answers),
    conflated: () => conflations.inc(),
    closed: (reason) => closes.inc({ reason: closeCodes.test(reason) ? reason : 'other' }),
    refused: (code, count) => refusals.inc({ code }, count),
    rateLimited: (limit) => rateLimits.inc({ limit }),
    failed: (code) => failures.inc({ code }),
    linesLeftOut: (count) => linesLeftOut.inc(count),
    hintDropped: () => hintsDropped.inc(),
    verified: countQuickly(registers, 'verifications_total', 'Decided verifications, by code.', 'code'),
    undecided: (reason) => undecided.inc({ reason }),
    lookedUp: (lane, ids) => {
      lookups.inc({ lane })
      reads.inc({ lane }, ids)
    },
    asked: (ms) => asked.observe(ms / 1000),
    lag: (occurredAt) => {
      if (occurredAt) lag.observe(Math.max(0, clock.now().getTime() - occurredAt.getTime()) / 1000)
    },
  }
  return {
    port,
    /** Starts to measure the process; before this only the numbers above count. */
    start: (readings: Readings): void => readFrom(exposed, readings),
    contentType: exposed.contentType,
    text: () => exposed.metrics(),
  }
}

/** Returns a counter of what happens thousands of times a second: plain numbers, converted to the metric when it is read. */
function countQuickly(registers: Registry[], name: string, help: string, label: string): (value: string) => void {
  const counts = new Map<string, number>()
  new Counter({
    name: `aura_keys_${name}`,
    help,
    labelNames: [label],
    registers,
    collect() {
      this.reset()
      for (const [value, count] of counts) this.inc({ [label]: value }, count)
    },
  })
  return (value) => void counts.set(value, (counts.get(value) ?? 0) + 1)
}

/** Exposes what is measured at each request. */
function readFrom(exposed: Registry, readings: Readings): void {
  collectDefaultMetrics({ register: exposed })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `aura_keys_${name}`,
      help,
      registers: [exposed],
      collect() {
        this.set(read())
      },
    })
  gauge('sockets', 'Open WebSockets.', readings.sockets)
  gauge('event_streams', 'Open event streams.', readings.streams)
  gauge('subscriptions', 'Open subscriptions.', readings.subscriptions)
  gauge('subscription_groups', 'Groups of subscriptions that share one execution per change.', readings.groups)
  gauge('operations_running', 'Running operations.', readings.operationsRunning)
  gauge('operations_waiting', 'Operations that wait for their turn in the queue.', readings.operationsWaiting)
  gauge('kept_answers', 'Answers to queries that are kept.', readings.keptAnswers)
  gauge('kept_answers_bytes', 'Bytes of kept answers.', readings.keptAnswersBytes)
  gauge('listening', '1 while the node receives notifications of other nodes, 0 while it does not, -1 if there is nothing to receive.', () => {
    const isListening = readings.isListening()
    return isListening === null ? -1 : Number(isListening)
  })
  exposeVerification(exposed, readings)
}

export type NodeMetrics = ReturnType<typeof createMetrics>
