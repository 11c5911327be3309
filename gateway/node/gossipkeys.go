package node

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/holtcache/holt/proto/apierr"
)

// gossipKeyBytes is AES-256.
const gossipKeyBytes = 32

// NewGossipKey is a random key as files with gossip keys hold it.
func NewGossipKey() string {
	key := make([]byte, gossipKeyBytes)
	_, _ = rand.Read(key) // it never fails
	return base64.StdEncoding.EncodeToString(key)
}

// readGossipKeys reads a file with a key in base64 on each line, the first of which encrypts; none where no file is named. Lines
// that are empty or begin with # do not count.
func readGossipKeys(path string) ([][]byte, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read gossip keys: %w", err)
	}
	var keys [][]byte
	for i, line := range strings.Split(string(data), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != gossipKeyBytes {
			return nil, fmt.Errorf("gossip keys in %s: line %d is not %d bytes in base64, as holt gossip-key prints them", path, i+1, gossipKeyBytes)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("gossip keys in %s: there is none; holt gossip-key prints one", path)
	}
	return keys, nil
}

// ReloadGossipKeys reads the file with the gossip keys again and goes by it.
func (a admin) ReloadGossipKeys(context.Context) (node string, fingerprints []string, err error) {
	n := a.n
	if n.cfg.GossipKeys == "" {
		return n.folder.NodeID(), nil, nil
	}
	keys, err := readGossipKeys(n.cfg.GossipKeys)
	if err != nil {
		return "", nil, apierr.New(apierr.KindInvalid, "%w; nothing was changed", err)
	}
	n.begin.Lock()
	defer n.begin.Unlock()
	if n.gossip != nil { // else they are read when it begins
		if err := n.gossip.UseKeys(keys); err != nil {
			return "", nil, apierr.New(apierr.KindInvalid, "%w", err)
		}
	}
	for _, key := range keys {
		sum := sha256.Sum256(key)
		fingerprints = append(fingerprints, hex.EncodeToString(sum[:4]))
	}
	n.log.Info("gossip keys were read again", "fingerprints", fingerprints)
	return n.folder.NodeID(), fingerprints, nil
}
