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
	{"an argument too many", "*1048577\r\n", true, "invalid multibulk length"},
	{"a length with a sign", "*1\r\n$+5\r\n", true, "invalid bulk length"},
	{"a length with a space", "*1\r\n$ 5\r\n", true, "invalid bulk length"},
	{"a length that begins with zero", "*1\r\n$05\r\n", true, "invalid bulk length"},
	{"an empty length", "*1\r\n$\r\n", true, "invalid bulk length"},
	{"a value with half of its end", "*1\r\n$4\r\nPING\n\n", true, "Protocol error"},
	{"a value shorter than its length", "*2\r\n$3\r\nGET\r\n$8\r\nx\r\n*1\r\n$4\r\nPING\r\n", true, "Protocol error"},
	{"nothing, a command, and nonsense", "\r\n*0\r\nPING\r\n*1\r\nfoo\r\n", true, "+PONG\r\n-ERR Protocol error: expected '$', got 'f'"},
	{"escapes in a line", "ECHO \"\\x41\\r\\n\\x42\"\r\n", false, "$4\r\nA\r\nB\r\n"},
	{"no key", "GET\r\n", false, "wrong number of arguments for 'get' command"},
	{"a key too many", "GET a b\r\n", false, "wrong number of arguments for 'get' command"},
	{"an empty key", "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$1\r\nv\r\n", false, "OK"},
	{"an option without its value", "SET k v EX\r\n", false, "syntax error"},
	{"two expiries", "SET k v EX 1 PX 1\r\n", false, "syntax error"},
	{"opposites", "SET k v NX XX\r\n", false, "syntax error"},
	{"a text as a number", "SET t abc\r\nINCR t\r\n", false, "value is not an integer or out of range"},
	{"a number that would overflow", "SET n 9223372036854775807\r\nINCR n\r\n", false, "increment or decrement would overflow"},
	{"the smallest number taken away", "DECRBY n -9223372036854775808\r\n", false, "decrement would overflow"},
	{"the slot of the standard", "CLUSTER KEYSLOT 123456789\r\n", false, ":12739\r\n"},
	{"an empty tag before another", "CLUSTER KEYSLOT foo{}{bar}\r\n", false, ":8363\r\n"},
	{"a tag that begins with a bracket", "CLUSTER KEYSLOT foo{{bar}}zap\r\n", false, ":4015\r\n"},
	{"two tags", "CLUSTER KEYSLOT foo{bar}{zap}\r\n", false, ":5061\r\n"},
	{"a client's name of two words", "*4\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$7\r\nSETNAME\r\n$3\r\na b\r\n", false, "ERR"},
	{"the end of no transaction", "EXEC\r\nDISCARD\r\n", false, "EXEC without MULTI"},
	{"ASKING again and again", strings.Repeat("ASKING\r\n", 100) + "GET k\r\nGET k\r\nPING\r\n", false, "PONG"},
	{"a replication of nobody", "SYNC\r\n", false, "ERR"},
}

// BeforeAUTH are inputs to the RESP port of a node whose clients need a password, from one that has not said it.
var BeforeAUTH = []Input{
	{"a command", "SET x 5\r\n", false, "NOAUTH"},
	{"settings", "CONFIG SET requirepass x\r\n", false, "NOAUTH"},
	{"the end of the node", "SHUTDOWN NOSAVE\r\n", false, "NOAUTH"},
	{"100 arguments", "*100\r\n", true, "unauthenticated multibulk length"},
	{"an argument of 100 MB", "*1\r\n$100000000\r\n", true, "unauthenticated bulk length"},
	{"a wrong password", "AUTH wrong\r\n", false, "WRONGPASS"},
	{"a wrong password in HELLO", "HELLO 3 AUTH default wrong\r\n", false, "WRONGPASS"},
	{"a password of 0 to 255", "*2\r\n$4\r\nAUTH\r\n$256\r\n" + allBytes() + "\r\n", false, "WRONGPASS"},
	{"refusals that nobody reads", strings.Repeat("SET x 5\r\n", 10000), true, "NOAUTH"},
}

func allBytes() string {
	var b []byte
	for i := range 256 {
		b = append(b, byte(i))
	}
	return string(b)
}
