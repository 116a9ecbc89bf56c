import { Icon as IconBolt } from 'virtual:icon/bolt'

export const Mark = () => (
  <span className="mark" aria-hidden="true">
    <IconBolt size={16} stroke={2} />
  </span>
)
