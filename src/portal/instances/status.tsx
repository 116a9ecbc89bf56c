import { Badge, type Tone } from '../elements/badge.tsx'
import type { InstanceStatus } from '../generated/operations.ts'

export const statusNames: Readonly<Record<InstanceStatus, string>> = {
  ACTIVE: 'Active',
  IDLE: 'Idle',
  INITIALIZING: 'Initializing',
  FAILED: 'Failed',
  DELETED: 'Deleted',
}

const tones: Readonly<Record<InstanceStatus, Tone>> = { ACTIVE: 'green', IDLE: 'grey', INITIALIZING: 'accent', FAILED: 'red', DELETED: 'red' }

export const StatusBadge = ({ status }: { status: InstanceStatus }) => <Badge tone={tones[status]}>{statusNames[status]}</Badge>
