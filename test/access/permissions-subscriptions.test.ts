import { testCells } from './permissions.ts'

testCells('Subscription')
