package ops

import (
	"errors"
	"testing"

	"github.com/holtcache/holt/gateway/ops/opstest"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

var second = []byte("second")

// What a key holds goes to the other one whole: value, type and expiry.
func TestRenamedAndCopiedKeysHoldWhatTheyHeld(t *testing.T) {
	item := store.Item{Value: []byte("value"), Type: opstest.OtherType, ExpireAt: 7000}
	for name, do := range map[string]func(Tx) error{
		"rename":   func(tx Tx) error { return Rename(tx, keyK, second) },
		"renamenx": func(tx Tx) error { _, err := RenameNX(tx, keyK, second); return err },
		"copy":     func(tx Tx) error { Copy(tx, keyK, second, false); return nil },
	} {
		tx := newMemTx()
		tx.Put("k", item)
		if err := do(tx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := tx.Items["second"]
		if string(got.Value) != "value" || got.Type != item.Type || got.ExpireAt != 7000 {
			t.Errorf("%s: the other key holds %+v", name, got)
		}
		if _, there := tx.Items["k"]; there != (name == "copy") {
			t.Errorf("%s: the first key is there: %v", name, there)
		}
	}
}

func TestRenameAndCopyLookAtBothKeysFirst(t *testing.T) {
	tx := newMemTx()
	if err := Rename(tx, keyK, second); !errors.Is(err, ErrNoKey) {
		t.Errorf("rename of a missing key: %v", err)
	}
	if _, err := RenameNX(tx, keyK, second); !errors.Is(err, ErrNoKey) {
		t.Errorf("renamenx of a missing key: %v", err)
	}
	if Copy(tx, keyK, second, true) {
		t.Error("a missing key was copied")
	}
	tx.Set(keyK, []byte("a"), entry.TypeString, 0)
	tx.Set(second, []byte("b"), entry.TypeString, 0)
	before := len(tx.Journal)
	if err := Rename(tx, keyK, keyK); err != nil {
		t.Errorf("rename to itself: %v", err)
	}
	if renamed, err := RenameNX(tx, keyK, second); renamed || err != nil {
		t.Errorf("renamenx to a key that exists: %v, %v", renamed, err)
	}
	if Copy(tx, keyK, second, false) {
		t.Error("a key that exists was replaced")
	}
	if len(tx.Journal) != before {
		t.Errorf("effects %v", tx.Journal[before:])
	}
	if !Copy(tx, keyK, second, true) || string(tx.Items["second"].Value) != "a" {
		t.Errorf("copy with replace leaves %q", tx.Items["second"].Value)
	}
}
