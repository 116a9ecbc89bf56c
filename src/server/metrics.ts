import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock, Metrics } from '../ports.ts'
import { exposeVerification, type VerificationReadings } from './verification-metrics.ts'

/** What is read when somebody asks for the metrics. */
export interface Readings extends VerificationReadings {
  sockets(): number
  streams(): number
  subscriptions(): number
  groups(): number
  /** Operations that run, and those that wait for their turn. */
  operationsRunning(): number
  operationsWaiting(): number
  /** Whether hints of other nodes arrive; null when there is nobody to listen to. */
  isListening(): boolean | null
}

/** Codes of the protocol and of this server; a client can close with any other. */
const closeCodes = /^(10\d\d|44\d\d|4500|stream_\w+)$/

/** Prometheus metrics of one node; what it exposes is its own, so that a process can hold several. */
export function createMetrics(clock: Clock) {
  const exposed = new Registry()
  const registers = [exposed]
  const counter = (name: string, help: string) => new Counter({ name: `aura_keys_${name}`, help, registers })
  const labelled = (name: string, help: string, label: string) => new Counter({ name: `aura_keys_${name}`, help, labelNames: [label], registers })
  const deliveries = counter('deliveries_total', 'Answers of subscriptions that were sent.')
  const conflations = counter('conflations_total', 'Answers that were left out, since their reader was behind and gets newer ones.')
  const hintsDropped = counter('hints_dropped_total', 'Notifications between nodes that were none.')
  const linesLeftOut = counter('log_lines_left_out_total', 'Lines that the log does not have, since others like them were written in the same minute.')
  const refusals = labelled('refusals_total', 'Attempts to do what one has no right to, by error code.', 'code')
  const rateLimits = labelled('rate_limited_total', 'Attempts that were refused since there were too many of them, by limit.', 'limit')
  const failures = labelled('failures_total', 'Errors that were no fault of the caller, by error code.', 'code')
  const closes = labelled('closes_total', 'Sockets and event streams that ended, by close code or reason.', 'reason')
  const lag = new Histogram({
    name: 'aura_keys_delivery_lag_seconds',
    help: 'From the change to the delivery on this node, by the clocks of both nodes.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const verifications = labelled('verifications_total', 'Verifications that were decided, by code.', 'code')
  const undecided = labelled(
    'verifications_undecided_total',
    'Verifications that were answered with 503, by reason; of those that are gone nobody waited for the answer.',
    'reason',
  )
  const lookups = labelled('verification_statements_total', 'Statements that read keys for verifications, by lane.', 'lane')
  const asked = new Histogram({
    name: 'aura_keys_verification_seconds',
    help: 'How long verifications took that asked the database; those from memory take less than anybody could measure.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  })
  const port: Metrics = {
    delivered: (answers) => deliveries.inc(answers),
    conflated: () => conflations.inc(),
    closed: (reason) => closes.inc({ reason: closeCodes.test(reason) ? reason : 'other' }),
    refused: (code, count) => refusals.inc({ code }, count),
    rateLimited: (limit) => rateLimits.inc({ limit }),
    failed: (code) => failures.inc({ code }),
    linesLeftOut: (count) => linesLeftOut.inc(count),
    hintDropped: () => hintsDropped.inc(),
    verified: (code) => verifications.inc({ code }),
    undecided: (reason) => undecided.inc({ reason }),
    lookedUp: (lane) => lookups.inc({ lane }),
    asked: (ms) => asked.observe(ms / 1000),
    lag: (occurredAt) => {
      if (occurredAt) lag.observe(Math.max(0, clock.now().getTime() - occurredAt.getTime()) / 1000)
    },
  }
  return {
    port,
    /** Begins to measure the process; before this the numbers above count alone. */
    start: (readings: Readings): void => readFrom(exposed, readings),
    contentType: exposed.contentType,
    text: () => exposed.metrics(),
  }
}

/** Exposes what is measured whenever somebody asks. */
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
  gauge('sockets', 'WebSockets that are open.', readings.sockets)
  gauge('event_streams', 'Event streams that are open.', readings.streams)
  gauge('subscriptions', 'Subscriptions that are followed.', readings.subscriptions)
  gauge('subscription_groups', 'Groups that share one execution per change.', readings.groups)
  gauge('operations_running', 'Operations that run.', readings.operationsRunning)
  gauge('operations_waiting', 'Operations that wait for their turn.', readings.operationsWaiting)
  gauge('listening', '1 while hints of other nodes arrive, 0 while they do not, -1 when there is nobody to listen to.', () => {
    const isListening = readings.isListening()
    return isListening === null ? -1 : Number(isListening)
  })
  exposeVerification(exposed, readings)
}

export type NodeMetrics = ReturnType<typeof createMetrics>
