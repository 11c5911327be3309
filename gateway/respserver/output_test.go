package respserver

import (
	"bytes"
	"testing"
)

// A change that was acknowledged before the client sent its command is told before the command's reply, even where the
// goroutine that writes invalidations has not run yet. One that comes during the round is told behind the replies.
func TestInvalidationsGoBeforeTheRoundThatFollowsThem(t *testing.T) {
	o := &output{limits: &Limits{PushBytesMax: 1 << 10}, shared: true, tracks: true, ready: make(chan struct{}, 1)}
	o.push([]byte("before"), 3)
	o.begin()
	o.buf = append(o.buf, "+PONG\r\n"...)
	o.push([]byte("during"), 3)
	o.mu.Lock()
	got := o.takePushesLocked(bytes.Clone(o.buf))
	o.mu.Unlock()
	want := append(appendInvalidation(nil, []byte("before"), 3), "+PONG\r\n"...)
	if want = appendInvalidation(want, []byte("during"), 3); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
