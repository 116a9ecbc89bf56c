import { testCells } from './permissions.ts'

testCells('Query')
