package store

import (
	"encoding/binary"
	"math/bits"
)

// Multipliers of wyhash (Wang Yi, "wyhash", final version 4).
const (
	hashA = 0xa0761d6478bd642f
	hashB = 0xe7037ed1a0b428db
)

// hash64 mixes data into 64 bits. The low bits choose a key's segment, the highest byte is its tag there.
func hash64(seed uint64, data []byte) uint64 {
	n := uint64(len(data))
	seed ^= hashA
	for len(data) > 16 {
		seed = fold(binary.LittleEndian.Uint64(data)^hashB, binary.LittleEndian.Uint64(data[8:])^seed)
		data = data[16:]
	}
	var a, b uint64
	switch {
	case len(data) >= 8:
		a, b = binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[len(data)-8:])
	case len(data) >= 4:
		a, b = uint64(binary.LittleEndian.Uint32(data)), uint64(binary.LittleEndian.Uint32(data[len(data)-4:]))
	case len(data) > 0:
		a = uint64(data[0])<<16 | uint64(data[len(data)/2])<<8 | uint64(data[len(data)-1])
	}
	return fold(hashA^n, fold(a^hashB, b^seed))
}

func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
