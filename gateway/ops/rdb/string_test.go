package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holtcache/holt/raftfsm/entry"
)

// What Redis 7.0.15 dumps, without compression.
var dumps = map[string]string{
	"hello":       "\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a",
	"":            "\x00\x00\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda",
	"12":          "\x00\xc0\x0c\x0a\x00\x3c\x2a\xf8\x51\x5c\x04\xbc\xd5",
	"-1":          "\x00\xc0\xff\x0a\x00\x0c\x93\x7e\x24\x85\x08\x9d\xc5",
	"1000":        "\x00\xc1\xe8\x03\x0a\x00\x89\xd1\x47\x8e\xba\xc4\xb7\x64",
	"-32769":      "\x00\xc2\xff\x7f\xff\xff\x0a\x00\xae\xe3\x4c\x4d\x06\xc6\x85\x36",
	"2147483647":  "\x00\xc2\xff\xff\xff\x7f\x0a\x00\x2c\x74\xe5\x9e\xe0\x2e\xad\xa1",
	"2147483648":  "\x00\x0a\x32\x31\x34\x37\x34\x38\x33\x36\x34\x38\x0a\x00\xe7\xb1\x29\xa3\x4c\x1d\x76\xee",
	"-2147483648": "\x00\xc2\x00\x00\x00\x80\x0a\x00\xc7\x4f\x87\x3e\x33\x55\x81\x87",
	"007":         "\x00\x03\x30\x30\x37\x0a\x00\x72\x58\xe2\x7b\x4c\x69\xba\xd9",
}

// compressed is a dump of compressible with compression.
const compressed = "\x00\xc3\x40\x43\x41\xed\x03\x61\x62\x63\x61\xe0\x6b\x02\x00\x78\xe0\xff\x00\xe0\x1a\x00\x1f\x65\x6e\x64\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x0a\x1d\x1e\x1f\x20\x21\x22\x23\x24\x25\x26\x27\xe1\x13\xcb\x01\x62\x63\x0a\x00\x5c\xe7\xf7\x41\xa3\x33\x7d\x72"

func compressible() string {
	var bytes [40]byte
	for i := range bytes {
		bytes[i] = byte(i)
	}
	return strings.Repeat("abc", 40) + strings.Repeat("x", 300) + "end" + string(bytes[:]) + strings.Repeat("abc", 10)
}

func TestDumpsAreThoseOfRedis(t *testing.T) {
	for value, dump := range dumps {
		if got := AppendString(nil, []byte(value)); string(got) != dump {
			t.Errorf("%q: got %q, want %q", value, got, dump)
		}
		if got, err := readString([]byte(dump), 1<<20); err != nil || string(got) != value {
			t.Errorf("%q is read as %q, %v", value, got, err)
		}
	}
	if got, err := readString([]byte(compressed), 1<<20); err != nil || string(got) != compressible() {
		t.Errorf("compressed: got %q, %v", got, err)
	}
}

func TestStringsOfAllLengthsAreReadAsTheyWereDumped(t *testing.T) {
	for _, n := range []int{63, 64, 16383, 16384, 100_000} {
		value := bytes.Repeat([]byte{'v'}, n)
		if got, err := readString(AppendString([]byte("before")[:0], value), n); err != nil || !bytes.Equal(got, value) {
			t.Errorf("%d bytes: %d come back, %v", n, len(got), err)
		}
	}
}

// A changed byte is noticed; what cannot be a value is refused even where the checksum is right.
func TestDamagedDumpsAreRefused(t *testing.T) {
	whole := dumps["hello"]
	for i := range whole {
		changed := []byte(whole)
		changed[i] ^= 0x10
		if got, err := readString(changed, 1<<20); !errors.Is(err, ErrChecksum) {
			t.Errorf("byte %d changed: got %q, %v", i, got, err)
		}
	}
	for _, body := range []string{
		"", "\x01\x05hello", "\x00", "\x00\x05hell", "\x00\x82", "\x00\xc4", "\x00\xc1\x01", "\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x00\xc3\x02\x0a\x20\x00", "\x00\xc3\x03\x80\xff\xff\xff\xff\xe0\xff\x00", "\x00\xc3\x02\x05\x01a",
	} {
		if got, err := readString(seal([]byte(body), 0), 1<<20); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: got %q, %v", body, got, err)
		}
	}
	if _, err := readString([]byte("short"), 1<<20); !errors.Is(err, ErrChecksum) {
		t.Errorf("short: %v", err)
	}
}

// readString reads the dump of a string.
func readString(dump []byte, bytesMax int) ([]byte, error) {
	value, typ, err := Read(dump, bytesMax)
	if err == nil && typ != entry.TypeString {
		return nil, fmt.Errorf("it is of type %d", typ)
	}
	return value, err
}
