package logstore

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/hashicorp/raft"
)

// checksumBytes is the size of the CRC32C behind every record.
const checksumBytes = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealEntry returns entry as it is written: its checksum follows its extensions. Data is shared, not copied.
func sealEntry(group uint64, entry *raft.Log) raft.Log {
	sealed := *entry
	sealed.Extensions = make([]byte, 0, len(entry.Extensions)+checksumBytes)
	sealed.Extensions = append(sealed.Extensions, entry.Extensions...)
	sealed.Extensions = binary.LittleEndian.AppendUint32(sealed.Extensions, entryChecksum(group, entry))
	return sealed
}

// openEntry verifies a sealed entry and takes the checksum off. It reports false if the entry is not what was written
// for that group and index.
func openEntry(group, index uint64, entry *raft.Log) bool {
	n := len(entry.Extensions) - checksumBytes
	if n < 0 || entry.Index != index {
		return false
	}
	sum := binary.LittleEndian.Uint32(entry.Extensions[n:])
	entry.Extensions = entry.Extensions[:n:n]
	if n == 0 {
		entry.Extensions = nil
	}
	return sum == entryChecksum(group, entry)
}

// entryChecksum covers everything that raft acts on. AppendedAt is left out: it only informs.
func entryChecksum(group uint64, entry *raft.Log) uint32 {
	var head [33]byte
	binary.LittleEndian.PutUint64(head[0:], group)
	binary.LittleEndian.PutUint64(head[8:], entry.Index)
	binary.LittleEndian.PutUint64(head[16:], entry.Term)
	binary.LittleEndian.PutUint64(head[24:], uint64(len(entry.Data)))
	head[32] = byte(entry.Type)
	sum := crc32.Update(0, castagnoli, head[:])
	sum = crc32.Update(sum, castagnoli, entry.Data)
	return crc32.Update(sum, castagnoli, entry.Extensions)
}

// sealMark returns value followed by a checksum of name and value.
func sealMark(name string, value []byte) []byte {
	sealed := make([]byte, 0, len(value)+checksumBytes)
	sealed = append(sealed, value...)
	return binary.LittleEndian.AppendUint32(sealed, markChecksum(name, value))
}

// openMark verifies a sealed mark and takes the checksum off.
func openMark(name string, sealed []byte) ([]byte, bool) {
	n := len(sealed) - checksumBytes
	if n < 0 {
		return nil, false
	}
	value := sealed[:n:n]
	return value, binary.LittleEndian.Uint32(sealed[n:]) == markChecksum(name, value)
}

func markChecksum(name string, value []byte) uint32 {
	sum := crc32.Update(0, castagnoli, []byte(name))
	return crc32.Update(sum, castagnoli, value)
}
