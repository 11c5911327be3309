package logstore

import (
	"bytes"
	"fmt"
)

const (
	markKeyBytesMax   = 256     // names like "bootstrap/7"
	markValueBytesMax = 4 << 10 // a mark is a fact, not a document

	markPrefix = "node/" // keeps marks of the node apart from the store's own
)

// SetMark writes a small fact about the node and returns when it is durable. A mark is never deleted.
func (s *Stable) SetMark(key string, value []byte) error {
	switch {
	case key == "" || len(key) > markKeyBytesMax:
		return fmt.Errorf("mark %q: the key needs 1 to %d bytes (markKeyBytesMax)", key, markKeyBytesMax)
	case len(value) > markValueBytesMax:
		return fmt.Errorf("mark %q: the value has %d bytes, more than %d (markValueBytesMax)", key, len(value), markValueBytesMax)
	}
	if err := s.commit(&change{name: markPrefix + key, value: bytes.Clone(value)}); err != nil {
		return fmt.Errorf("write mark %q in %s: %w", key, s.name, err)
	}
	return nil
}

// GetMark returns the value of a mark and whether it was ever written.
func (s *Stable) GetMark(key string) ([]byte, bool, error) {
	value, found, err := s.marks.Mark(markPrefix + key)
	if err != nil {
		return nil, false, fmt.Errorf("read mark %q: %w", key, err)
	}
	return value, found, nil
}
