package node

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// asks sends a request to the dashboard of a node; who is user:password, or empty.
func asks(t *testing.T, n *Node, method, path, who, body string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.Addresses().HTTP+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if name, password, ok := strings.Cut(who, ":"); ok {
		r.SetBasicAuth(name, password)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	reply, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	answer, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(answer)
}

// Who looks at the dashboard is a user, and sees and does there what he may do by RESP.
func TestDashboardAsksForTheRightsOfUsers(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	n := nodes[1]
	admin := by(t, n, "", "")
	set(t, clientOf(t, nodes), "app:1", 5)
	const transfer = "/api/v1/transfer"
	// Where 'default' takes any password, one proves nothing: everybody looks, nobody changes anything.
	for who, want := range map[string]int{"": 401, "default:x": 401} {
		if status, text := asks(t, n, "POST", transfer, who, `{"shard":1}`); status != want {
			t.Errorf("as %q without a password: %d %s", who, status, text)
		}
	}
	if status, text := asks(t, n, "GET", "/api/v1/cluster", "", ""); status != 200 || !strings.Contains(text, `"transfer":false`) {
		t.Errorf("a visitor: %d %s", status, text)
	}
	// Wherever a key is, each node finds it.
	for _, one := range nodes {
		await(t, "the key is found", func() bool {
			status, text := asks(t, one, "GET", "/api/v1/key?key=app:1", "", "")
			return status == 200 && strings.Contains(text, `"exists":true,"type":"string"`)
		})
	}
	repeated(t, admin, "ACL", "SETUSER", "watcher", "on", ">w", "~app:*", "+get", "+cluster|info")
	repeated(t, admin, "ACL", "SETUSER", "operator", "on", ">o", "~*", "+@all")
	repeated(t, admin, "CONFIG", "SET", "requirepass", "secret")
	for _, tc := range []struct {
		who, method, path, body string
		want                    int
	}{
		{"", "GET", "/", "", 200},
		{"", "GET", "/api/v1/cluster", "", 401},
		{"watcher:wrong", "GET", "/api/v1/cluster", "", 401},
		{"nobody:w", "GET", "/api/v1/cluster", "", 401},
		{"watcher:w", "GET", "/api/v1/cluster", "", 200},
		{"watcher:w", "GET", "/api/v1/key?key=app:2", "", 200},
		{"watcher:w", "GET", "/api/v1/key?key=other", "", 403},
		{"watcher:w", "GET", "/api/v1/slowlog", "", 403},
		{"watcher:w", "GET", "/api/v1/hotkeys", "", 403},
		{"watcher:w", "POST", transfer, `{"shard":1}`, 403},
		{"watcher:w", "POST", "/api/v1/rebalance", `{}`, 403},
		{"watcher:w", "POST", "/api/v1/cancel", `{"migration":0}`, 403},
		{"operator:o", "GET", "/api/v1/slowlog", "", 200},
		{"operator:o", "POST", transfer, `{"shard":99}`, 404},
		{"default:secret", "GET", "/api/v1/hotkeys", "", 200},
	} {
		await(t, fmt.Sprintf("%s %s as %q is answered with %d", tc.method, tc.path, tc.who, tc.want), func() bool {
			status, text := asks(t, n, tc.method, tc.path, tc.who, tc.body)
			if status != tc.want && status != http.StatusServiceUnavailable { // a busy cluster
				t.Errorf("%s %s as %q: %d %s", tc.method, tc.path, tc.who, status, text)
				return true
			}
			return status == tc.want
		})
	}
}
