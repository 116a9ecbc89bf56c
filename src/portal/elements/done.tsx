import { Icon as IconCircleCheck } from 'virtual:icon/circle-check'
import { Button } from '@mantine/core'
import type { ReactNode } from 'react'

interface Props {
  readonly propagation: { readonly nodes: number; readonly waitedMs: number }
  readonly children: ReactNode
  readonly onClose: () => void
}

/** The server's answer to a denial: it says so only once every node refuses. */
export const Done = ({ propagation, children, onClose }: Props) => (
  <>
    <div className="notice notice-green" role="status">
      <IconCircleCheck size={18} stroke={1.8} />
      <p>
        {children} <strong>In force on every node</strong> ({propagation.nodes} {propagation.nodes === 1 ? 'node' : 'nodes'}, after {propagation.waitedMs} ms).
      </p>
    </div>
    <div className="dialog-foot">
      <Button variant="default" data-autofocus onClick={onClose}>
        Close
      </Button>
    </div>
  </>
)
