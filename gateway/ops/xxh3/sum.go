// Package xxh3 hashes bytes as XXH3 does in its 64-bit form with the default secret: what DIGEST answers.
package xxh3

import (
	"encoding/binary"
	"math/bits"
)

// Sum64 is the XXH3 hash of data (xxHash, "XXH3 algorithm description").
func Sum64(data []byte) uint64 {
	switch n := len(data); {
	case n == 0:
		return finishShort(at(56) ^ at(64))
	case n <= 3:
		return sumTo3(data)
	case n <= 8:
		return sumTo8(data)
	case n <= 16:
		return sumTo16(data)
	case n <= 128:
		return sumTo128(data)
	case n <= 240:
		return sumTo240(data)
	}
	return sumLong(data)
}

// at reads the secret.
func at(i int) uint64 { return binary.LittleEndian.Uint64(secret[i:]) }

func read64(data []byte, i int) uint64 { return binary.LittleEndian.Uint64(data[i:]) }

func sumTo3(data []byte) uint64 {
	n := len(data)
	first, middle, last := uint32(data[0]), uint32(data[n>>1]), uint32(data[n-1])
	word := first<<16 | middle<<24 | last | uint32(n)<<8
	flip := binary.LittleEndian.Uint32(secret[0:]) ^ binary.LittleEndian.Uint32(secret[4:])
	return finishShort(uint64(word) ^ uint64(flip))
}

func sumTo8(data []byte) uint64 {
	n := len(data)
	low, high := binary.LittleEndian.Uint32(data), binary.LittleEndian.Uint32(data[n-4:])
	h := (uint64(high) | uint64(low)<<32) ^ (at(8) ^ at(16))
	h ^= bits.RotateLeft64(h, 49) ^ bits.RotateLeft64(h, 24)
	h *= primeMixB
	h ^= h>>35 + uint64(n)
	h *= primeMixB
	return h ^ h>>28
}

func sumTo16(data []byte) uint64 {
	n := len(data)
	low := read64(data, 0) ^ (at(24) ^ at(32))
	high := read64(data, n-8) ^ (at(40) ^ at(48))
	return finish(uint64(n) + bits.ReverseBytes64(low) + high + fold(low, high))
}

func sumTo128(data []byte) uint64 {
	n := len(data)
	sum := uint64(n) * prime64A
	for i := (n - 1) / 32; i >= 0; i-- {
		sum += mix16(data[16*i:], 32*i) + mix16(data[n-16*(i+1):], 32*i+16)
	}
	return finish(sum)
}

func sumTo240(data []byte) uint64 {
	n := len(data)
	sum := uint64(n) * prime64A
	for i := range 8 {
		sum += mix16(data[16*i:], 16*i)
	}
	sum = finish(sum)
	for i := 8; i < n/16; i++ {
		sum += mix16(data[16*i:], 16*(i-8)+3)
	}
	return finish(sum + mix16(data[n-16:], 136-17))
}

// mix16 mixes 16 bytes with a part of the secret.
func mix16(data []byte, i int) uint64 { return fold(read64(data, 0)^at(i), read64(data, 8)^at(i+8)) }

const (
	stripeBytes = 64
	// blockStripes is after how many stripes the secret begins anew.
	blockStripes = (len(secret) - stripeBytes) / 8
	blockBytes   = blockStripes * stripeBytes
)

type lanes [8]uint64

func sumLong(data []byte) uint64 {
	n := len(data)
	acc := lanes{prime32C, prime64A, prime64B, prime64C, prime64D, prime32B, prime64E, prime32A}
	rest := data
	for len(rest) > blockBytes {
		for i := range blockStripes {
			acc.add(rest[i*stripeBytes:], 8*i)
		}
		acc.scramble(len(secret) - stripeBytes)
		rest = rest[blockBytes:]
	}
	for i := range (len(rest) - 1) / stripeBytes {
		acc.add(rest[i*stripeBytes:], 8*i)
	}
	acc.add(data[n-stripeBytes:], len(secret)-stripeBytes-7)
	sum := uint64(n) * prime64A
	for i := range 4 {
		sum += fold(acc[2*i]^at(11+16*i), acc[2*i+1]^at(11+16*i+8))
	}
	return finish(sum)
}

// add takes in one stripe.
func (acc *lanes) add(stripe []byte, secretAt int) {
	for i := range acc {
		value := read64(stripe, 8*i)
		key := value ^ at(secretAt+8*i)
		acc[i^1] += value
		acc[i] += uint64(uint32(key)) * (key >> 32)
	}
}

func (acc *lanes) scramble(secretAt int) {
	for i := range acc {
		acc[i] = (acc[i] ^ acc[i]>>47 ^ at(secretAt+8*i)) * prime32A
	}
}

func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

func finish(h uint64) uint64 {
	h ^= h >> 37
	h *= primeMixA
	return h ^ h>>32
}

// finishShort is the end of XXH64, which inputs of up to 3 bytes have.
func finishShort(h uint64) uint64 {
	h ^= h >> 33
	h *= prime64B
	h ^= h >> 29
	h *= prime64C
	return h ^ h>>32
}
