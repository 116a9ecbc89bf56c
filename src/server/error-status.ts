const statuses: Readonly<Record<string, number>> = { UNAUTHENTICATED: 401, RATE_LIMITED: 429, UNAVAILABLE: 503, INTERNAL: 500 }

/** The HTTP status of a refusal with this code, on routes that choose it themselves: what is wrong with the request otherwise is 400. */
export const statusOf = (code: unknown): number => statuses[String(code)] ?? 400
