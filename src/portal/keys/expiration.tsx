import { DatePicker } from '@mantine/dates'
import { inWords, useNow } from '../elements/time.ts'
import { endOf, type Lifetime, pickable, presets } from './lifetime.ts'

interface Props {
  readonly value: Lifetime
  readonly maxDays: number
  readonly error: string | false
  readonly onChange: (lifetime: Lifetime) => void
}

/** When the key ends, chosen and then said in words, since a number of days says little. */
export function Expiration({ value, maxDays, error, onChange }: Props) {
  const now = useNow()
  const days = 'days' in value ? value.days : undefined
  const end = endOf(value, now)
  const { first, last } = pickable(maxDays, now)
  const words = end === undefined ? undefined : inWords(end)
  return (
    <div role="radiogroup" aria-labelledby="expiration" aria-describedby="expiration-words" className="expiration">
      <span id="expiration" className="field-label">
        Expiration
      </span>
      <div className="presets">
        {presets.map((each) => (
          <label key={each} data-chosen={days === each}>
            <input type="radio" name="expiration" checked={days === each} disabled={each > maxDays} onChange={() => onChange({ days: each })} />
            {each} days
          </label>
        ))}
        <label data-chosen={days === undefined}>
          <input type="radio" name="expiration" checked={days === undefined} onChange={() => onChange({ date: null })} />
          Date
        </label>
      </div>
      {'date' in value && (
        <DatePicker
          className="calendar"
          weekendDays={[]}
          hideOutsideDates
          ariaLabels={{
            previousMonth: 'Previous month',
            nextMonth: 'Next month',
            previousYear: 'Previous year',
            nextYear: 'Next year',
          }}
          value={value.date}
          minDate={first}
          maxDate={last}
          defaultDate={first}
          onChange={(date) => onChange({ date })}
          aria-label="Day of expiration"
        />
      )}
      <p id="expiration-words" className="hint" aria-live="polite">
        {words ? (
          <>
            Stops working on <strong>{words.moment}</strong> ({words.zone}).
          </>
        ) : (
          'Pick the last day on which it works.'
        )}{' '}
        At most {maxDays} days.
      </p>
      {error && (
        <p className="field-error" role="alert">
          {error}
        </p>
      )}
    </div>
  )
}
