package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

const valueBytes = 64

// data is one kind of values.
type data struct {
	name string
	// fill writes the value of key i.
	fill func(rng *rand.Rand, i int, value []byte)
}

var kinds = []data{
	{"random", func(rng *rand.Rand, _ int, value []byte) {
		for at := 0; at < len(value); at += 8 {
			binary.LittleEndian.PutUint64(value[at:], rng.Uint64())
		}
	}},
	{"json", func(rng *rand.Rand, i int, value []byte) {
		text := fmt.Sprintf(`{"id":%d,"name":"user%d","active":true,"score":%d,"lang":"en"}`, i, i%1000, rng.IntN(1000))
		copy(value, "                                                                ")
		copy(value, text)
	}},
}

// each calls put with every key and value, the same ones each time. Both are lent.
func (d data) each(keys int, put func(key, value []byte) error) error {
	rng := rand.New(rand.NewPCG(1, 2))
	key, value := make([]byte, 0, 16), make([]byte, valueBytes)
	for i := range keys {
		key = fmt.Appendf(key[:0], "key:%012d", i)
		d.fill(rng, i, value)
		if err := put(key, value); err != nil {
			return err
		}
	}
	return nil
}

// median of an odd number of values; of an even number the upper one in the middle.
func median(all []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(all))[len(all)/2]
}
