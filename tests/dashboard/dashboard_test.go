package dashboard

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/tests/cluster"
)

var pictures = flag.String("pictures", "", "folder that pictures of the page are written to")

func TestMain(m *testing.M) {
	// A pool of go-redis that was closed while a node was down looks once more whether the node is back.
	dialing := goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")
	goleak.VerifyTestMain(m, dialing, goleak.Cleanup(func(code int) {
		if err := cluster.Cleanup(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}))
}

// shows waits until elements show a text.
func (b *browser) shows(selector, want string) {
	b.t.Helper()
	cluster.Eventually(b.t, fmt.Sprintf("%s shows %q", selector, want), func() error {
		text, err := b.text(selector)
		if err == nil && !strings.Contains(text, want) {
			err = fmt.Errorf("it shows %q", text)
		}
		return err
	})
}

// hostile is a key that would be seen as markup, where it is one.
const hostile = `<img src=x onerror="document.body.dataset.harmed=1"><script>document.body.dataset.harmed=1</script>`

func TestPageShowsTheClusterAsItChanges(t *testing.T) {
	b := open(t, 1280, 900)
	c := cluster.Start(t, cluster.Options{})
	b.visit("http://" + c.Nodes[0].Addr.HTTP + "/?every=0.3")
	b.shows("#health", "healthy")
	for _, n := range c.Nodes {
		b.shows("#nodes tbody tr", n.ID()[:8])
	}
	b.shows("#shards tbody", "0–5460")
	b.wantSlotsOfThreeColours()
	b.do(`(() => {
		const c = document.getElementById('slots'), at = c.getBoundingClientRect();
		c.dispatchEvent(new PointerEvent('pointermove', { clientX: at.left + 1, clientY: at.top + 1 }));
	})()`)
	b.shows("#slot-hint", "slot 0 · shard 1 · led by ")

	// What is written, and asked for, shows up.
	clients := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.RESP()})
	defer clients.Close()
	ctx, cancel := context.WithTimeout(t.Context(), cluster.Deadline)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(clients.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error {
		return one.ConfigSet(ctx, "slowlog-log-slower-than", "0").Err()
	}))
	must(clients.Set(ctx, hostile, "1", 0).Err())
	must(clients.Expire(ctx, hostile, 2*3600e9).Err())
	for range 1500 {
		must(clients.Get(ctx, hostile).Err())
	}
	b.shows("#tiles .tile:nth-child(5)", "Keys\n1\n")
	b.shows("#commands", "GET")
	b.shows("#hotkeys", hostile)
	b.shows("#slowlog", hostile)
	b.do(fmt.Sprintf("document.getElementById('lookup-key').value = %q; document.getElementById('lookup').requestSubmit()", hostile))
	b.shows("#lookup-result", fmt.Sprintf("Slot\n%d", slot.Of([]byte(hostile))))
	for _, want := range []string{"Exists\nyes", "Type\nstring", "TTL\n1 h 59 min", "Version\n"} {
		b.shows("#lookup-result", want)
	}
	var harmed string
	if err := b.eval("`${document.body.dataset.harmed} ${document.querySelectorAll('main img, main script').length}`", &harmed); err != nil || harmed != "undefined 0" {
		t.Errorf("a key was taken for markup: %q, %v", harmed, err)
	}

	// Nobody has logged in.
	b.shows("#user", "read-only")
	var buttons int
	if err := b.eval("[...document.querySelectorAll('#shards button, #rebalance:not([hidden]), #cancel-all:not([hidden])')].length", &buttons); err != nil || buttons != 0 {
		t.Errorf("a visitor finds %d buttons that change something, %v", buttons, err)
	}

	// Slots that move.
	id := c.StartMigration(1, 2, []slot.Range{{First: 0, Last: 99}})
	c.MigrationEnded(id)
	b.shows("#migrations", "shard 2")
	b.shows("#migrations", "done")
	b.shows("#slot-legend", "leads 5,361")
	b.shows("#shards", "0–99")
	if *pictures != "" {
		b.shot(*pictures+"/page.png", 1500)
	}

	// A node that dies.
	c.Kill(c.Nodes[2])
	b.shows("#health", "1 of 3 nodes is")
	b.shows("#health", "dead")
	b.wantNoComplaints()
}

// wantSlotsOfThreeColours looks at the picture: three slots of different shards have different colours.
func (b *browser) wantSlotsOfThreeColours() {
	b.t.Helper()
	const script = `(() => {
		const c = document.getElementById('slots'), g = c.getContext('2d');
		const columns = Number(c.dataset.columns), cell = c.width / columns;
		return [...new Set([0, 5000, 6000, 10000, 11000, 16383].map((s) => [...g.getImageData(((s % columns) + 0.4) * cell, (Math.floor(s / columns) + 0.4) * cell, 1, 1).data].slice(0, 3).join()))];
	})()`
	cluster.Eventually(b.t, "the slots have the colours of three nodes", func() error {
		var colours []string
		err := b.eval(script, &colours)
		if err == nil && len(colours) != 3 {
			err = fmt.Errorf("they have %q", colours)
		}
		return err
	})
}

func TestAdminLogsInAndMovesALeadership(t *testing.T) {
	b := open(t, 390, 844) // a phone
	c := cluster.Start(t, cluster.Options{Secure: true})
	b.visit("https://" + c.Nodes[1].Addr.HTTP + "/?every=0.3")
	b.shows("#health", "log in")
	logIn := func(password string) {
		t.Helper()
		b.do(fmt.Sprintf("document.getElementById('login-password').value = %q; document.getElementById('login-form').requestSubmit()", password))
	}
	b.shows("#login-dialog[open]", "Log in")
	logIn("wrong")
	b.shows("#login-error", "invalid")
	if text, err := b.text("#nodes"); err != nil || text != "" {
		t.Errorf("without a password the page shows nodes: %q, %v", text, err)
	}
	logIn(c.Secure.Password)
	b.shows("#user", "default")
	b.shows("#health", "healthy")
	if *pictures != "" {
		b.shot(*pictures+"/phone.png", 2600)
	}
	before := c.Leader(1)
	b.shows("#shards tbody tr:first-child select", ":")
	var to string
	if err := b.eval(`(() => { const row = document.querySelector('#shards tbody tr'); const to = row.querySelector('select').value; row.querySelector('button').click(); return to; })()`, &to); err != nil {
		t.Fatal(err)
	}
	b.shows("#notice", "shard 1 is led by")
	after := c.LeaderAfter(1, before.Term)
	if after.Node.ID() != to || after.Node == before.Node {
		t.Errorf("shard 1 is led by %s, want %s", after.Node.ID(), to)
	}
	if log := c.Nodes[1].Log(); !strings.Contains(log, "admin action") || strings.Contains(log, c.Secure.Password) {
		t.Errorf("the log of the node that was asked: %s", log)
	}
	b.wantNoComplaints()
}
