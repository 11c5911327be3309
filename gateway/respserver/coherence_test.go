package respserver

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

// cachingClient keeps what it has read until it is told that it changed, as libraries do.
type cachingClient struct {
	*client
	cache map[string]string
}

// pull reads one message and drops what it invalidates; push tells that it was an invalidation.
func (c *cachingClient) pull() (v resp.Value, push bool) {
	v, err := c.in.Read()
	if err != nil {
		c.t.Error(err)
		return resp.Value{}, false
	}
	if v.Kind != resp.KindPush {
		return v, false
	}
	if v.Elems[1].Kind == resp.KindNull {
		clear(c.cache)
		return v, true
	}
	for _, key := range v.Elems[1].Elems {
		delete(c.cache, string(key.Str))
	}
	return v, true
}

// reply reads up to the next reply.
func (c *cachingClient) reply() string {
	for {
		if v, push := c.pull(); !push {
			return show(v)
		}
	}
}

// Writers and readers with caches run against each other. When the writers have stopped and the invalidations have
// come, no cache holds anything but what the server holds: an invalidation that was lost, or came before the reply that
// it is about, would show.
func TestCachesAgreeWithTheServerWhenWritersStop(t *testing.T) {
	const keys, writes, seed = 8, 400, 1
	for _, options := range []string{"", "NOLOOP"} {
		t.Run("options "+options, func(t *testing.T) {
			f := start(t, fixtureConfig{shards: 2, limits: Limits{PushBytesMax: 300}})
			var writers, readers sync.WaitGroup
			stop := make(chan struct{})
			caches := make([]*cachingClient, 3)
			for i := range caches {
				caches[i] = &cachingClient{track(f, options), map[string]string{}}
				c, random := caches[i], rand.New(rand.NewPCG(seed, uint64(i)))
				readers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						key := fmt.Sprintf("k%d", random.IntN(keys))
						if random.IntN(4) == 0 { // its own write, behind a read in the same round
							c.send("GET "+key, "INCR "+key)
							c.cache[key] = c.reply()
							c.cache[key] = strings.TrimPrefix(c.reply(), ":")
							continue
						}
						c.send("GET " + key)
						c.cache[key] = c.reply()
					}
				})
			}
			for i := range 3 {
				c, random := f.dial(), rand.New(rand.NewPCG(seed, uint64(100+i)))
				writers.Go(func() {
					for range writes {
						c.incr(fmt.Sprintf("k%d", random.IntN(keys)))
					}
				})
			}
			writers.Wait()
			close(stop)
			readers.Wait()
			// Every change is applied; what is still to come is on its way to the sockets.
			for i, c := range caches {
				eventually(t, "the cache agrees", func() bool {
					c.send("PING")
					if got := c.reply(); got != "+PONG" {
						t.Fatalf("cache %d (seed %d): got %q", i, seed, got)
					}
					for key, cached := range c.cache {
						if f.dialGet(key) != cached {
							return false
						}
					}
					return true
				})
			}
		})
	}
}

// incr increments a key.
func (c *client) incr(key string) {
	if got := c.do("INCR " + key); !strings.HasPrefix(got, ":") {
		c.t.Errorf("INCR %s: got %q", key, got)
	}
}

// dialGet reads a key over a connection of its own.
func (f *fixture) dialGet(key string) string {
	c := f.dial()
	defer c.nc.Close()
	_ = c.nc.SetDeadline(time.Now().Add(10 * time.Second))
	return c.do("GET " + key)
}
