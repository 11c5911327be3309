package hostile

import "strings"

// Input is what is sent to a port.
type Input struct {
	Name  string
	Bytes string
	// Closes: the other end has to close the connection then.
	Closes bool
	// Says is part of what comes back before.
	Says string
}

// RESP are inputs to the RESP port.
var RESP = []Input{
	{"an empty line", "\r\n", false, ""},
	{"empty and negative arrays", "*0\r\n*-1\r\n*-10\r\n", false, ""},
	{"a count over the limit", "*20000000\r\n", true, "invalid multibulk length"},
	{"300 million arguments", "*300000000\r\n", true, "invalid multibulk length"},
	{"the largest count", "*9223372036854775807\r\n", true, "invalid multibulk length"},
	{"a count that is no number of 64 bits", "*99999999999999999999\r\n", true, "invalid multibulk length"},
	{"a length that overflows", "*1\r\n$9223372036854775807\r\n", true, "invalid bulk length"},
	{"a length just below", "*1\r\n$9223372036854775805\r\n", true, "invalid bulk length"},
	{"a length of 2 GiB", "*1\r\n$2147483648\r\n", true, "invalid bulk length"},
	{"a length of 4 GiB", "*1\r\n$4294967296\r\n", true, "invalid bulk length"},
	{"a negative length", "*3\r\n$-10\r\n", true, "invalid bulk length"},
	{"a length of nothing", "*3\r\n$-1\r\n", true, "invalid bulk length"},
	{"a length in words", "*1\r\n$blabla\r\n", true, "invalid bulk length"},
	{"a length that is NUL", "*1\r\n$\x00\r\n", true, "invalid bulk length"},
	{"no length", "*1\r\nfoo\r\n", true, "expected '$', got 'f'"},
	{"no length of the third", "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", true, "expected '$', got 'f'"},
	{"a value without its end", "*2\r\n$3\r\nGET\r\n$1\r\nxyz\r\n", true, "Protocol error"},
	{"a line without end", strings.Repeat("\x00", 70<<10), true, "too big inline request"},
	{"a count without end", "*" + strings.Repeat("1", 70<<10), true, "Protocol error"},
	{"a length without end", "*1\r\n$" + strings.Repeat("1", 70<<10), true, "Protocol error"},
	{"unbalanced quotes", "SET \"x\r\n", true, "unbalanced quotes"},
	{"arrays in arrays", strings.Repeat("*1\r\n", 100000), true, ""},
	{"types of RESP3 as a request", "%1\r\n+a\r\n+b\r\n", false, ""},
	{"a browser", "POST / HTTP/1.1\r\nHost: x\r\n\r\n", true, ""},
	{"a TLS client", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("x", 500), true, ""},
	{"a name with controls", "*1\r\n$9\r\nfoo\r\nbar\x00\r\n", false, "unknown command"},
	{"a name of 10 KiB", "*1\r\n$10240\r\n" + strings.Repeat("n", 10240) + "\r\n", false, "unknown command"},
	{"keys of any bytes", "*3\r\n$3\r\nSET\r\n$6\r\n\x00\r\n\xff\xfe{\r\n$0\r\n\r\n", false, "OK"},
	{"a key over its limit", "*2\r\n$3\r\nGET\r\n$65537\r\n" + strings.Repeat("k", 65537) + "\r\n", false, "max-key-bytes"},
	{"a value that would end at 4 GiB", "SETRANGE far 4294967295 x\r\n", false, "string exceeds maximum allowed size"},
	{"an offset below zero", "SETRANGE far -1 x\r\n", false, "offset is out of range"},
	{"a bit that would end at 512 MiB", "SETBIT far 4294967295 1\r\n", false, "ERR"},
	{"expiries that are none", "SET k v EX 0\r\nSET k v EX 9223372036854775807\r\nSET k v PX -1\r\n", false, "invalid expire time"},
	{"numbers that are none", "INCRBYFLOAT n nan\r\nINCRBYFLOAT n 1e400\r\nINCRBY n 1e3\r\n", false, "ERR"},
	{"a pattern that matches slowly", "KEYS " + strings.Repeat("a*", 512) + "\r\n", false, ""},
	{"a pattern of brackets", "KEYS " + strings.Repeat("[", 10000) + "\r\n", false, ""},
	{"a pattern that ends in a backslash", "SCAN 0 MATCH a\\\\ COUNT 10\r\n", false, ""},
	{"a cursor beyond the end", "SCAN 18446744073709551615 COUNT 1000000000\r\n", false, ""},
	{"a count below zero", "SCAN 0 COUNT -1\r\n", false, "ERR"},
	{"protocols that are none", "HELLO 4\r\nHELLO abc\r\n", false, "NOPROTO"},
	{"half a transaction", "MULTI\r\nSET k v\r\nMULTI\r\n", false, "QUEUED"},
	{"a slot of nobody", "CLUSTER KEYSLOT\r\nCLUSTER COUNTKEYSINSLOT 16384\r\n", false, "ERR"},
}
