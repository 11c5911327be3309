package rdb

import "hash/crc64"

// crcTable is of the polynomial "Jones" (Redis, crc64.c), in reversed bits.
var crcTable = crc64.MakeTable(0x95ac9329ac4bc9b5)

// checksum is the CRC-64 of Redis: it begins with 0 and is not inverted, as Go's is.
func checksum(data []byte) uint64 { return ^crc64.Update(^uint64(0), crcTable, data) }
