import { testCells } from './permissions.ts'

testCells('Mutation')
