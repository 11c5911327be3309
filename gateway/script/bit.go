package script

import (
	"fmt"
	"math"
	"math/bits"

	lua "github.com/yuin/gopher-lua"
)

// bitTable makes the table "bit" of LuaJIT: operations on 32 bits, whose results are signed (bitop.luajit.org).
func bitTable(L *lua.LState) *lua.LTable {
	t := L.NewTable()
	functions := map[string]lua.LGFunction{"tohex": toHex}
	for name, f := range map[string]func(uint32) uint32{
		"tobit": func(a uint32) uint32 { return a }, "bnot": func(a uint32) uint32 { return ^a }, "bswap": bits.ReverseBytes32,
	} {
		functions[name] = func(L *lua.LState) int { return pushBits(L, f(bitsOf(L, 1))) }
	}
	for name, f := range map[string]func(a, b uint32) uint32{
		"band": func(a, b uint32) uint32 { return a & b }, "bor": func(a, b uint32) uint32 { return a | b }, "bxor": func(a, b uint32) uint32 { return a ^ b },
	} {
		functions[name] = func(L *lua.LState) int {
			all := bitsOf(L, 1)
			for i := 2; i <= L.GetTop(); i++ {
				all = f(all, bitsOf(L, i))
			}
			return pushBits(L, all)
		}
	}
	for name, f := range map[string]func(a uint32, n int) uint32{
		"lshift": func(a uint32, n int) uint32 { return a << n }, "rshift": func(a uint32, n int) uint32 { return a >> n },
		"arshift": func(a uint32, n int) uint32 { return uint32(int32(a) >> n) },
		"rol":     bits.RotateLeft32, "ror": func(a uint32, n int) uint32 { return bits.RotateLeft32(a, -n) },
	} {
		functions[name] = func(L *lua.LState) int { return pushBits(L, f(bitsOf(L, 1), int(bitsOf(L, 2)&31))) }
	}
	return L.SetFuncs(t, functions)
}

// bitsOf is an argument modulo 2^32, rounded to the nearest.
func bitsOf(L *lua.LState, at int) uint32 {
	f := math.Mod(math.RoundToEven(float64(number(L, at))), 1<<32)
	if math.IsNaN(f) {
		return 0
	}
	return uint32(int64(f))
}

func pushBits(L *lua.LState, b uint32) int {
	L.Push(lua.LNumber(int32(b)))
	return 1
}

func toHex(L *lua.LState) int {
	digits := optInt(L, 2, 8)
	format := "%08x"
	if digits < 0 {
		digits, format = -digits, "%08X"
	}
	digits = max(min(digits, 8), 0)
	L.Push(lua.LString(fmt.Sprintf(format, bitsOf(L, 1))[8-digits:]))
	return 1
}
