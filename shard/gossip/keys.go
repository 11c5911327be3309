package gossip

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// ErrPlain says that this node's gossip is not encrypted: it began without a key.
var ErrPlain = errors.New("gossip of this node is not encrypted: start it with a key")

// keysMax bounds the keys at a time: each is tried on what the ones before it do not open.
const keysMax = 8

func checkKeys(keys [][]byte) error {
	if len(keys) > keysMax {
		return fmt.Errorf("%d gossip keys are over the limit of %d", len(keys), keysMax)
	}
	for i, key := range keys {
		if n := len(key); n != 16 && n != 24 && n != 32 {
			return fmt.Errorf("gossip key %d: key size %d: AES takes 16, 24 or 32 bytes", i+1, n)
		}
	}
	return nil
}

// UseKeys makes the keys those of Config.SecretKeys from here on. A key is changed without a moment in which nodes do not
// understand each other by three steps, each at all nodes before the next: the new key as the last, the new key as the first, the
// new key alone.
func (g *Gossip) UseKeys(keys [][]byte) error {
	if g.ring == nil {
		return ErrPlain
	}
	if len(keys) == 0 {
		return errors.New("no gossip key is left: gossip that began encrypted stays so")
	}
	if err := checkKeys(keys); err != nil {
		return err
	}
	g.lifecycle.Lock() // one change at a time
	defer g.lifecycle.Unlock()
	for _, key := range keys {
		if err := g.ring.AddKey(key); err != nil {
			return fmt.Errorf("add a gossip key: %w", err)
		}
	}
	if err := g.ring.UseKey(keys[0]); err != nil {
		return fmt.Errorf("use another gossip key: %w", err)
	}
	for _, old := range g.ring.GetKeys() {
		if !slices.ContainsFunc(keys, func(key []byte) bool { return bytes.Equal(key, old) }) {
			if err := g.ring.RemoveKey(old); err != nil {
				return fmt.Errorf("forget a gossip key: %w", err)
			}
		}
	}
	return nil
}
