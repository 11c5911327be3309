package command

import (
	"fmt"
	"strings"
	"testing"
)

// Each line is one command; words are separated by a space, "" is the empty word, and a leading # begins a block on
// empty data.
const directed = `
# unknown commands and subcommands, arity
foo
foo a b
foo "" x
FOO|BAR x
get
get a b
set a
client
client|list
client nosuch
CLIENT NoSuch x
object
object encoding
object nosuch a
object help x
command count x
command nosuch
cluster nosuch
mset a
mset a b c
msetnx a b c
del
type
substr a 0

# options of SET
set k v nx xx
set k v xx nx
set k v ex
set k v ex 10 px 10
set k v px 10 ex 10
set k v ex 10 exat 10
set k v ex 10 keepttl
set k v keepttl ex 10
set k v keepttl keepttl
set k v ex x ex 1000
set k v ex 1000 ex x
set k v ex 1000 ex 2000
ttl k
set k v persist
set k v nx get
set k w xx get
set k w nx
set k w get nx xx
get k
set missing v xx
set missing v xx get
set list v get
set list v nx get
set list v nx
set list v keepttl
get list
set list v
set k v ex 0
set k v ex -1
set k v px 0
set k v ex 9223372036854775
set k v ex 9223372036854776
set k v px 9223372036854775807
set k v ex 9223372036854775807
set k v pxat 9223372036854775807
pexpiretime k
set k v exat 1
get k
set k v nx pxat 1
exists k
set k v
set k v pxat 1 get
exists k
setex k 0 v
setex k x v
setex k -5 v
psetex k 9223372036854775807 v
setex k 9223372036854776 v
setex list 1000 v
getset k v
getset list v
getset missing v

# expiry
expire k 100
set k v
expire k ""
expire k 1.5
expire k 100 AB
expire k x AB
expire k 100 nx xx
expire k 100 gt lt
expire k 100 nx gt
expire k 100 xx gt
expire k 100 nx nx
ttl k
expire k 50000 gt
expire k 100 gt
expire k 100 lt
expire k 5000 xx lt
expire k 90000 lt
persist k
persist k
expire k 1000 gt
expire k 1000 xx
expire k 1000 lt
expire k 2000 nx
expire list 1000
pexpireat k 9223372036854770000
pexpire k 9223372036854770000
expire k 9223372036854775807
expire k -9223372036854775808
expire k -9223372036854775
exists k
set k v
expireat k 0
exists k
set k v
pexpire k -1 gt
exists k
set k v ex 1000
pexpire k -1 gt
exists k
pexpire k -1 lt
exists k
set k v
expireat k 9223372036854775
pexpiretime k
expireat k 9223372036854776
expiretime missing
pttl missing
pttl list
set k v ex 1000
append k w
ttl k
incr k
setrange k 1 xyz
ttl k
set k v keepttl
ttl k
set k v
ttl k
getex k ex 1000
ttl k
getex k persist
ttl k
getex k persist ex 10
getex k ex 10 persist
getex k persist persist
getex k keepttl
getex k ex
getex k nx
getex k px 5000 px 7000000
ttl k
getex k exat 1
exists k
getex missing
getex list
getdel list
getdel missing

# numbers
incr n
incrby n 9223372036854775806
incr n
decrby n -1
decrby n -9223372036854775808
incrby n -9223372036854775808
incrby n -9223372036854775808
incrby n 01
incrby n +1
incrby n -0
incrby n 1x
set n 0
incrby n -9223372036854775808
decr n
decrby n 1
set n 01
incr n
set n ""
incr n
set n -0
incr n
incr list
incrbyfloat list 1
set n 10.50
incrbyfloat n 0.1
incrbyfloat n -5
set n 5.0e3
incrbyfloat n 2.0e2
set n 3
incrbyfloat n 1.1
incrbyfloat n 0x1.8p1
incrbyfloat n 0X10
incrbyfloat n 0x
incrbyfloat n 1_0
incrbyfloat n 1e
incrbyfloat n e1
incrbyfloat n .
incrbyfloat n +.5
incrbyfloat n inf
incrbyfloat n -infinity
incrbyfloat n nan
incrbyfloat n 1e4932
incrbyfloat n 1e-4950
incrbyfloat n 1e-5000
incrbyfloat n 1e99999999999
incrbyfloat n 1.7e308
incrbyfloat n 1e300
incrbyfloat n 123456789012345678901234567890
incrbyfloat n -123456789012345678901234567890
set n 1.189731495357231765e4932
incrbyfloat n 1.189731495357231765e4932
set n 1
incrbyfloat n -1
incrbyfloat n -0
incrbyfloat n 0.00000000000000001
incrbyfloat n 0.000000000000000001
incrbyfloat n -1000000000000000000000
set n 1
incrbyfloat n 1.000000000000000000000000000000001
incrbyfloat n 3.33333333333333333333333333
incrbyfloat n 1e17
incrbyfloat n 0.1

# parts of values
getrange k 0 -1
set k hello
getrange k 0 0
getrange k -3 -1
getrange k -3 -5
getrange k 0 -100
getrange k -100 -100
getrange k -100 100
getrange k 3 1
getrange k 5 10
getrange k 9223372036854775807 9223372036854775807
getrange k -9223372036854775808 9223372036854775807
getrange k x 1
getrange k 0 1.0
getrange list 0 1
substr k 1 3
setrange k -1 x
setrange k x x
setrange k 6 world
get k
setrange k 0 ""
setrange missing 5 ""
exists missing
setrange missing 5 x
get missing
setrange missing 1048575 x
strlen missing
setrange missing 1048576 x
setrange missing 1048576 ""
setrange missing 9223372036854775807 x
setrange missing 9223372036854775807 ""
setrange other 1048576 x
exists other
append missing x
setrange list 0 x
setrange list 0 ""
append list x
append other ""
exists other
append other ""
strlen other
strlen list
strlen nothing

# many keys
mset a 1 b 2 a 3
mget a b c list
msetnx c 1 a 2
msetnx c 1 c 2
mget c
exists a a b nothing
touch a a b nothing
del a a nothing
unlink b list
type list
type c
type nothing
mset list x
get list

# encodings
set k 12345
object encoding k
object refcount missing
set k 012345
object encoding k
set k -9223372036854775808
object encoding k
set k 9223372036854775808
object encoding k
set k 12345678901234567890123456789012345678901234
object encoding k
set k 123456789012345678901234567890123456789012345
object encoding k
set k ""
object encoding k
object encoding missing

# COMMAND
command getkeys set a b
command getkeys mset a b c d
command getkeys mset a b c
command getkeys mget a b c
command getkeys object encoding a
command getkeys get a b
command getkeys ping x
command getkeys nosuch x
command getkeys object nosuch x
command getkeysandflags set a b
command getkeysandflags set a b GET
command getkeysandflags set a b get ex 10
command getkeysandflags mset a b c d
command getkeysandflags getex a
command getkeysandflags del a b
command info nosuch
command docs nosuch
`

func TestTableAnswersDirectedCommandsAsRedisDoes(t *testing.T) {
	for proto := 2; proto <= 3; proto++ {
		t.Run(fmt.Sprintf("RESP%d", proto), func(t *testing.T) {
			p := newPair(t, proto)
			for line := range strings.Lines(directed) {
				line = strings.TrimSuffix(line, "\n")
				switch {
				case line == "" || strings.HasPrefix(line, "incrbyfloat") && !sameLongDouble:
				case strings.HasPrefix(line, "#"):
					p.reset()
				default:
					p.compare(words(line)...)
				}
			}
		})
	}
}

func words(line string) []string {
	words := strings.Split(line, " ")
	for i := range words {
		if words[i] == `""` {
			words[i] = ""
		}
	}
	return words
}

// Errors repeat what was sent only up to a limit, as Redis does.
func TestErrorsRepeatLongArgumentsAsRedisDoes(t *testing.T) {
	p := newPair(t, 2)
	long := strings.Repeat("abcdefghij", 20)
	p.compare(long)
	p.compare(long, long, long)
	p.compare("foo", long[:50], long[:50], long[:50], long[:50])
	p.compare("foo", long[:128], "b")
	p.compare("foo", long[:122], "b", "c")
	p.compare("client", long)
	p.compare("foo", "a\x00b", "c\r\nd")
	p.compare("f\x00oo", "a")
	p.compare("f\r\noo", "a")
	p.compare("expire", "k", "1", "a\r\nb\x00c")
}

// Values around the threshold from which on parts are patched, and at the limit.
func TestLongValuesAreWrittenAsRedisDoes(t *testing.T) {
	p := newPair(t, 2)
	full := strings.Repeat("v", testLimits.ValueBytesMax)
	for _, size := range []int{4095, 4096, 4097, 100000} {
		p.compare("SET", "k", full[:size], "EX", "10000")
		p.compare("APPEND", "k", "tail")
		p.compare("SETRANGE", "k", "10", "middle")
		p.compare("SETRANGE", "k", fmt.Sprint(size), "across the end")
		p.compare("SETRANGE", "k", fmt.Sprint(size+1000), "behind a gap")
		p.compare("APPEND", "k", "")
		p.compare("TTL", "k")
		p.compare("GET", "k")
	}
	if p.model.patches == 0 {
		t.Error("no value was patched")
	}
	p.compare("SET", "k", full)
	p.compare("APPEND", "k", "x")
	p.compare("SETRANGE", "k", "1", full)
	p.compare("SETRANGE", "k", "0", full)
	p.compare("SETRANGE", "k", fmt.Sprint(len(full)-1), "xy")
	p.compare("STRLEN", "k")
}
