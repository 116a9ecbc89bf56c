interface Props {
  /** What it filters, and its name for screen readers. */
  readonly label: string
  readonly value: string | undefined
  readonly options: readonly (readonly [value: string, label: string])[]
  readonly onChange: (value: string | undefined) => void
}

/** A filter: the browser's own list, which every keyboard, screen reader and telephone knows. */
export const Choice = ({ label, value = '', options, onChange }: Props) => (
  <select className="choice" aria-label={label} data-chosen={value !== ''} value={value} onChange={(event) => onChange(event.target.value || undefined)}>
    <option value="">{label}</option>
    {options.map(([each, text]) => (
      <option key={each} value={each}>
        {text}
      </option>
    ))}
  </select>
)
