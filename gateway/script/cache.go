package script

import (
	"container/list"
	"crypto/sha1"
	"strings"
	"sync"
)

const (
	// cachedMax and cachedBytesMax bound what a node remembers of scripts. Clients name some dozens; those that make a new source for each call push each
	// other out.
	cachedMax      = 1000
	cachedBytesMax = 16 << 20
)

// Cache remembers compiled scripts by their SHA, the latest used of them. It is for any number of goroutines.
type Cache struct {
	mu sync.Mutex // protects the fields below
	// used are the scripts, the latest used first, and named where they are in it.
	used  *list.List
	named map[string]*list.Element
	bytes int
}

// NewCache returns an empty cache.
func NewCache() *Cache {
	return &Cache{used: list.New(), named: map[string]*list.Element{}}
}

// SHALength is the length of the name of a script.
const SHALength = 2 * sha1.Size

// Find returns the script of this name.
func (c *Cache) Find(sha []byte) (*Script, bool) {
	if len(sha) != SHALength {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.named[strings.ToLower(string(sha))]
	if !ok {
		return nil, false
	}
	c.used.MoveToFront(at)
	return at.Value.(*Script), true
}

// Load returns the script of a source, compiled and remembered.
func (c *Cache) Load(source []byte) (*Script, error) {
	if s, ok := c.Find([]byte(SHA(source))); ok {
		return s, nil
	}
	s, err := Compile(source)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.named[s.SHA]; ok { // somebody else was faster
		return s, nil
	}
	c.named[s.SHA] = c.used.PushFront(s)
	c.bytes += len(s.Source)
	for c.used.Len() > cachedMax || c.bytes > cachedBytesMax {
		last := c.used.Remove(c.used.Back()).(*Script)
		delete(c.named, last.SHA)
		c.bytes -= len(last.Source)
	}
	return s, nil
}

// Flush forgets all scripts.
func (c *Cache) Flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used.Init()
	clear(c.named)
	c.bytes = 0
}
