/** Lines where rows will be, so that nothing jumps when they come. */
export const SkeletonRows = ({ columns, rows = 5 }: { columns: number; rows?: number }) => (
  <>
    {Array.from({ length: rows }, (_, row) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
      <tr key={row}>
        {Array.from({ length: columns }, (_, column) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
          <td key={column}>
            <span className="skeleton" />
          </td>
        ))}
      </tr>
    ))}
  </>
)

export const PageSkeleton = () => (
  <div className="page-skeleton" role="status" aria-label="Loading">
    <span className="skeleton" />
    <span className="skeleton" />
    <span className="skeleton" />
  </div>
)
