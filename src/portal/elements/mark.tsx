import IconBolt from '@tabler/icons-react/icons/IconBolt'

export const Mark = () => (
  <span className="mark" aria-hidden="true">
    <IconBolt size={16} stroke={2} />
  </span>
)
