package acl

import "testing"

func TestOnlyLoopbackIsThisMachine(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "127.8.9.10:65535": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"10.0.0.1:1": false, "[::ffff:10.0.0.1]:1": false, "0.0.0.0:1": false, "[::]:1": false,
		"127.0.0.1": false, "localhost:1": false, "unknown": false, "": false, "@": false,
	} {
		if got := IsLocal(addr); got != want {
			t.Errorf("%q: got %v, want %v", addr, got, want)
		}
	}
}
