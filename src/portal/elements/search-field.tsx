import { Icon as IconSearch } from 'virtual:icon/search'
import { TextInput } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'

interface Props {
  readonly label: string
  readonly value: string | undefined
  readonly onChange: (value: string | undefined) => void
}

/** Searches a moment after the last letter, so that each word is one question and not one per letter. */
export function SearchField({ label, value = '', onChange }: Props) {
  const [text, setText] = useState(value)
  const sent = useRef(value)
  useEffect(() => {
    // The address changed by Back or by a link.
    if (value !== sent.current) setText(value)
    sent.current = value
  }, [value])
  useEffect(() => {
    if (text.trim() === sent.current) return
    const timer = setTimeout(() => {
      sent.current = text.trim()
      onChange(text.trim() || undefined)
    }, 250)
    return () => clearTimeout(timer)
  }, [text, onChange])
  return (
    <TextInput
      className="search-field"
      size="xs"
      type="search"
      aria-label={label}
      placeholder={label}
      autoComplete="off"
      maxLength={100}
      leftSection={<IconSearch size={15} stroke={1.8} />}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
    />
  )
}
