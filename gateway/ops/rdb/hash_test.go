package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/holtcache/holt/raftfsm/entry"
)

// packed makes the packed form of fields given as name, value, name, value.
func packed(texts ...string) entry.Packed {
	p := entry.AppendPackedLen(nil, len(texts)/2)
	for i := 0; i < len(texts); i += 2 {
		p = entry.AppendPacked(p, []byte(texts[i]), []byte(texts[i+1]))
	}
	return p
}

// pairs are the fields of a packed form, as they are dumped.
func pairs(p entry.Packed) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for f := range p.Entries() {
			if !yield(f.Name, f.Value) {
				return
			}
		}
	}
}

func smallHash(p entry.Packed) []byte { return AppendSmallHash(nil, pairs(p)) }
func hash(p entry.Packed) []byte      { return AppendHash(nil, p.Len(), pairs(p)) }

// variety has an element of each encoding, on both sides of each border.
func variety() entry.Packed {
	var texts []string
	for _, n := range []int64{0, 1, 127, 128, -1, 4095, 4096, -4096, -4097, math.MaxInt16, math.MaxInt16 + 1, math.MinInt16, math.MinInt16 - 1,
		1<<23 - 1, 1 << 23, -1 << 23, -1<<23 - 1, math.MaxInt32, math.MaxInt32 + 1, math.MinInt32, math.MinInt32 - 1, math.MaxInt64, math.MinInt64} {
		texts = append(texts, strconv.FormatInt(n, 10), "v"+strconv.FormatInt(n, 10))
	}
	for _, n := range []int{0, 1, 62, 63, 64, 124, 125, 126, 4095, 4096, 16370, 16380, 16381, 16400} {
		texts = append(texts, "s"+strconv.Itoa(n), strings.Repeat("x", n))
	}
	return packed(append(texts, "", "007", "-0", "9223372036854775808", "+1", " 1")...)
}

func TestHashesAreReadAsTheyWereDumped(t *testing.T) {
	many := make([]string, 0, 2*40_000)
	for i := range 40_000 {
		many = append(many, "f"+strconv.Itoa(i), strconv.Itoa(i))
	}
	for name, fields := range map[string]entry.Packed{"one": packed("field", "value"), "variety": variety(), "many": packed(many...)} {
		for form, dump := range map[string][]byte{"listpack": smallHash(fields), "hash": hash(fields)} {
			value, typ, err := Read(dump, len(fields))
			if err != nil || typ != entry.TypeHash || !bytes.Equal(value, fields) {
				t.Errorf("%s as %s: %d bytes of type %d come back, want %d; %v", name, form, len(value), typ, len(fields), err)
			}
			if _, _, err := Read(dump, len(fields)/2); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s as %s is not too large: %v", name, form, err)
			}
		}
	}
}

// ziplist is a ziplist with these elements, encoded already.
func ziplist(count int, elements ...string) []byte {
	list := make([]byte, ziplistHeadBytes)
	previous := 0
	for _, element := range elements {
		begin := len(list)
		if previous < ziplistFar {
			list = append(list, byte(previous))
		} else {
			list = binary.LittleEndian.AppendUint32(append(list, ziplistFar), uint32(previous))
		}
		list = append(list, element...)
		previous = len(list) - begin
	}
	list = append(list, listpackEnd)
	binary.LittleEndian.PutUint32(list, uint32(len(list)))
	binary.LittleEndian.PutUint16(list[8:], uint16(count))
	return seal(appendString([]byte{typeHashZiplist}, list), 0)
}

func TestZiplistsAreRead(t *testing.T) {
	long := strings.Repeat("y", 300)
	dump := ziplist(14,
		"\x01a", "\x41\x2c"+long, "\x80\x00\x00\x00\x02bb", "\xf1", "\x01c", "\xfd", "\x01d", "\xfe\x80", "\x01e", "\xc0\x00\x80",
		"\x01f", "\xf0\xff\xff\xff", "\x01g", "\xe0\x00\x00\x00\x00\x00\x00\x00\x80")
	want := packed("a", long, "bb", "0", "c", "12", "d", "-128", "e", "-32768", "f", "-1", "g", "-9223372036854775808")
	if got, typ, err := Read(dump, 1<<20); err != nil || typ != entry.TypeHash || !bytes.Equal(got, want) {
		t.Errorf("got %q of type %d, %v, want %q", got, typ, err, want)
	}
}

func TestDamagedHashesAreRefused(t *testing.T) {
	list := appendListpack(nil, pairs(packed("field", "value")))
	bodies := map[string][]byte{
		"no fields":               hash(packed()),
		"empty listpack":          smallHash(packed()),
		"a field twice":           hash(packed("f", "1", "f", "2")),
		"a field twice, listpack": smallHash(packed("f", "1", "f", "2")),
		"half a field":            ziplist(1, "\x01a"),
		"another count":           ziplist(4, "\x01a", "\x01b"),
		"more fields than bytes":  seal([]byte("\x04\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01a\x01b"), 0),
		"too few fields":          seal([]byte("\x04\x02\x01a\x01b"), 0),
		"a type not known":        seal([]byte("\x05\x01\x01a\x01b"), 0),
	}
	for i := range list[:len(list)-1] {
		bodies["cut at "+strconv.Itoa(i)] = seal(appendString([]byte{typeHashListpack}, list[:i]), 0)
	}
	for _, at := range []int{0, 4, listpackHeadBytes, len(list) - 2, len(list) - 1} {
		changed := bytes.Clone(list)
		changed[at] ^= 0x05
		bodies["changed at "+strconv.Itoa(at)] = seal(appendString([]byte{typeHashListpack}, changed), 0)
	}
	for name, dump := range bodies {
		if got, _, err := Read(dump, 1<<20); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, dump := range dumps {
		f.Add([]byte(dump[:len(dump)-footerBytes]))
	}
	f.Add([]byte(compressed[:len(compressed)-footerBytes]))
	for _, dump := range [][]byte{
		hash(packed("field", "value", "1", "2")), smallHash(packed("field", "value", "1", "-300")), smallHash(variety()),
		ziplist(2, "\x01a", "\xf1"),
	} {
		f.Add(dump[:len(dump)-footerBytes])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const most = 4096
		value, typ, err := Read(seal(bytes.Clone(body), 0), most)
		if err != nil {
			return
		}
		if len(value) > most {
			t.Errorf("%d bytes are more than %d", len(value), most)
		}
		again := [][]byte{AppendString(nil, value)}
		if typ == entry.TypeHash {
			if err := entry.CheckPacked(value); err != nil || entry.Packed(value).Len() == 0 {
				t.Fatalf("fields %q: %v", value, err)
			}
			again = [][]byte{hash(value), smallHash(value)}
		}
		for _, dump := range again {
			if got, gotType, err := Read(dump, most); err != nil || gotType != typ || !bytes.Equal(got, value) {
				t.Errorf("%q comes back as %q, %v", value, got, err)
			}
		}
	})
}
