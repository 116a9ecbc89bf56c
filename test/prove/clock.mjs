// Loaded before a node: its time of day can be set off from the machine's, by a message. Ends with whoever started it.
const RealDate = Date
let offsetMs = 0

class ShiftedDate extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(RealDate.now() + offsetMs)
    else super(...parts)
  }

  static now() {
    return RealDate.now() + offsetMs
  }
}
Object.defineProperty(ShiftedDate, 'name', { value: 'Date' })
globalThis.Date = ShiftedDate

process.on('message', (message) => {
  offsetMs = message
  process.send(message)
})
process.on('disconnect', () => process.exit(1))
process.channel?.unref()
