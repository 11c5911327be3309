package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// by is a client of one node as a user.
func by(t *testing.T, n *Node, user, password string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: n.Addresses().RESP, Username: user, Password: password, Protocol: 2, MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

// repeated runs a command that may be repeated until it is known to be done: on a busy machine the meta group may take longer than
// a client is let wait.
func repeated(t *testing.T, c *redis.Client, words ...any) {
	t.Helper()
	await(t, fmt.Sprintf("%v is done", words), func() bool {
		err := c.Do(t.Context(), words...).Err()
		if err != nil && !strings.HasPrefix(err.Error(), "UNKNOWN") && !strings.HasPrefix(err.Error(), "CLUSTERDOWN") && !strings.Contains(err.Error(), "outcome unknown") {
			t.Errorf("%v: %v", words, err) // not Fatal: it may run on a goroutine of its own
			return true
		}
		return err == nil
	})
}

func TestUsersAreTheClustersAndOutliveARestart(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	admin := by(t, nodes[0], "", "")
	repeated(t, admin, "ACL", "SETUSER", "alice", "on", ">p1", "~app:*", "+@all", "-@dangerous")
	// Whoever is answered finds the change in force at his node, and soon at the others.
	if err := by(t, nodes[0], "alice", "p1").Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
	for _, n := range nodes[1:] {
		await(t, "alice is let in elsewhere", func() bool { return by(t, n, "alice", "p1").Ping(t.Context()).Err() == nil })
	}
	if err := by(t, nodes[1], "alice", "p1").FlushAll(t.Context()).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
		t.Errorf("alice flushes: %v", err)
	}
	// A change at another node is made of what stands.
	repeated(t, by(t, nodes[1], "", ""), "ACL", "SETUSER", "alice", "~more:*")
	other := by(t, nodes[2], "", "")
	if err := other.Ping(t.Context()).Err(); err != nil { // a connection that stays
		t.Fatal(err)
	}
	repeated(t, other, "CONFIG", "SET", "requirepass", "secret")
	if got, err := by(t, nodes[2], "", "secret").ConfigGet(t.Context(), "requirepass").Result(); err != nil || got["requirepass"] != hiddenPassword {
		t.Errorf("CONFIG GET requirepass: %v, %v", got, err)
	}
	repeated(t, by(t, nodes[2], "", "secret"), "CONFIG", "SET", "requirepass", hiddenPassword) // tools set what they have read
	if err := by(t, nodes[2], "", "secret").Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
	for _, n := range nodes {
		await(t, "the password counts everywhere", func() bool {
			err := by(t, n, "", "").Ping(t.Context()).Err()
			return err != nil && strings.HasPrefix(err.Error(), "NOAUTH")
		})
	}
	dir, listen := nodes[2].cfg.Dir, nodes[2].cfg.Listen
	closeNodes(t, nodes)
	// Alone it has no leader, and so only what it has kept. It lets nobody in whom the cluster would not.
	alone := open(t, Config{Dir: dir, Listen: listen})
	if err := by(t, alone, "", "").Ping(t.Context()).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") {
		t.Errorf("without a password: %v", err)
	}
	if err := by(t, alone, "alice", "p1").Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
	got, err := by(t, alone, "", "secret").Do(t.Context(), "ACL", "LIST").StringSlice()
	if err != nil || len(got) != 2 || !strings.Contains(got[0], " ~app:* ~more:* ") {
		t.Errorf("ACL LIST: %q, %v", got, err)
	}
	closeNode(t, alone)
	// One that has lost what it had kept lets nobody in until it hears of them.
	if err := os.Remove(filepath.Join(dir, "users.json")); err != nil {
		t.Fatal(err)
	}
	alone = open(t, Config{Dir: dir, Listen: listen})
	if err := by(t, alone, "", "").Ping(t.Context()).Err(); err == nil || !strings.HasPrefix(err.Error(), "LOADING this node has not heard yet who") {
		t.Errorf("without a password: %v", err)
	}
}

// Of several who change one user at once each change counts.
func TestChangesOfOneUserAtSeveralNodesAreAllMade(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	const each = 4
	var wg sync.WaitGroup
	for i, n := range nodes {
		c := by(t, n, "", "")
		wg.Go(func() {
			for j := range each {
				repeated(t, c, "ACL", "SETUSER", "bob", fmt.Sprintf("~%d:%d:*", i, j))
			}
		})
	}
	wg.Wait()
	for _, n := range nodes {
		await(t, "every change counts", func() bool {
			bob, _ := n.access.Users().User("bob")
			return bob != nil && strings.Count(bob.Rules(), ":*") == each*len(nodes)
		})
	}
}

func TestProtectedModeIsASettingOfTheNode(t *testing.T) {
	t.Parallel()
	n := openCluster(t, 1)[0]
	c := by(t, n, "", "")
	if !n.isProtected() {
		t.Error("a node begins unprotected")
	}
	if err := c.ConfigSet(t.Context(), "protected-mode", "maybe").Err(); err == nil {
		t.Error("protected-mode maybe was taken")
	}
	if err := c.ConfigSet(t.Context(), "protected-mode", "no").Err(); err != nil || n.isProtected() {
		t.Errorf("%v, protected %v", err, n.isProtected())
	}
	if err := c.Do(t.Context(), "CONFIG", "SET", "requirepass", "x", "maxmemory-policy", "allkeys-lru").Err(); err == nil {
		t.Error("two steps were promised as one")
	}
}
