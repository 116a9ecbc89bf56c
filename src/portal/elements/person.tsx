const initialsOf = (name: string): string =>
  name
    .split(/\s+/)
    .filter(Boolean)
    .filter((_, index, words) => index === 0 || index === words.length - 1)
    .map((word) => [...word][0]?.toUpperCase())
    .join('')

export const Person = ({ name, note }: { name: string; note?: string }) => (
  <span className="person">
    <span className="initials" aria-hidden="true">
      {initialsOf(name)}
    </span>
    <span className="person-name">
      {name}
      {note && <span className="muted"> {note}</span>}
    </span>
  </span>
)
