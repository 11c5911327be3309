package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// twoNodes is a cluster of which the second node gives no answer.
type twoNodes struct {
	asked       int
	transferred []string
}

func (*twoNodes) View() *router.View {
	slots, err := slot.NewMap(7, []slot.Assignment{{Range: slot.Range{First: 0, Last: 8191}, Shard: 1}, {Range: slot.Range{First: 8192, Last: slot.Count - 1}, Shard: 2}})
	if err != nil {
		panic(err)
	}
	return &router.View{
		ClusterID: "c", Self: "a", Map: slots,
		Nodes: []router.Node{{ID: "a", HTTP: "holt-0.example:6383"}, {ID: "b", HTTP: "127.0.0.1:2", State: router.NodeDead}},
		Shards: []router.Shard{
			{ID: 1, Ranges: []slot.Range{{First: 0, Last: 8191}}, Replicas: []string{"a", "b"}, Leader: "a", Term: 3},
			{ID: 2, Ranges: []slot.Range{{First: 8192, Last: slot.Count - 1}}, Replicas: []string{"b"}},
		},
	}
}

const hostile = "<img src=x onerror=alert(1)>\x00\xff"

func (c *twoNodes) Report(_ context.Context, node string, _ *nodev1.GetReportRequest) (*nodev1.GetReportResponse, error) {
	if node == "b" {
		return nil, errors.New("nobody is there")
	}
	c.asked++
	return &nodev1.GetReportResponse{
		Commands:     []*nodev1.CommandReport{{Name: "get", Failed: 1, Steps: []*nodev1.LatencyStep{{BoundNs: 500, Count: 3}}}},
		Replicas:     []*nodev1.ReplicaReport{{ShardId: 1, Leads: true, Serving: true, Keys: 5, LastIndex: 10, AppliedIndex: 8}},
		SlowCommands: []*nodev1.SlowCommand{{Id: 1, TimeMs: 5, Args: [][]byte{[]byte("GET"), []byte(hostile)}}, {Id: 2, TimeMs: 6, Args: [][]byte{[]byte("PING")}}},
		HotKeys:      []*nodev1.HotKey{{Key: []byte(hostile), Rate: 5}},
	}, nil
}

func (*twoNodes) LookUp(_ context.Context, key []byte) (*nodev1.LookUpKeyResponse, string, error) {
	return &nodev1.LookUpKeyResponse{ShardId: 1, Exists: string(key) == hostile, Type: "string", Version: 9}, "a", nil
}

func (*twoNodes) Migrations(context.Context) (*clusterv1.ListMigrationsResponse, error) {
	return &clusterv1.ListMigrationsResponse{Migrations: []*clusterv1.Migration{{
		Id: 4, FromShardId: 1, ToShardId: 2, Phase: clusterv1.MigrationPhase_MIGRATION_PHASE_RUNNING, Slots: []*clusterv1.SlotRange{{First: 5, Last: 9}},
		Progress: &clusterv1.MigrationProgress{Stage: clusterv1.MigrationStage_MIGRATION_STAGE_CATCHING_UP, SlotsCopied: 2},
	}}}, nil
}

func (c *twoNodes) TransferLeadership(_ context.Context, _ slot.ShardID, to string) (string, uint64, error) {
	c.transferred = append(c.transferred, to)
	return to, 4, nil
}

func (*twoNodes) StartRebalance(context.Context, *clusterv1.RebalanceGoal) error { return nil }

func (*twoNodes) CancelMigration(context.Context, uint64) (*clusterv1.CancelMigrationResponse, error) {
	return nil, apierr.New(apierr.KindNotFound, "there is no such migration; nothing was changed")
}

// user is "admin", who may do all, "guest", who may look, or "nobody".
type user string

func (u user) Name() string { return string(u) }

func (u user) May(command string, _ ...[]byte) bool {
	return u == "admin" || u == "guest" && command == rightToLook
}

// served is a dashboard, with a line for each change that was asked for.
func served(c *twoNodes) (h http.Handler, audit *[]string) {
	audit = &[]string{}
	return Handler(Config{
		Cluster: c,
		Visit: func(r *http.Request) (Visitor, bool, error) {
			name, password, said := r.BasicAuth()
			if said && password != "right" {
				return nil, false, apierr.New(apierr.KindWrongPass, "wrong")
			}
			if !said {
				name = "guest"
			}
			return user(name), said, nil
		},
		Changed: func(visitor, _, what string, err error) {
			*audit = append(*audit, visitor+" "+what+" "+map[bool]string{true: "ok", false: "refused"}[err == nil])
		},
	}), audit
}

// ask sends a request; who is user:password, or empty.
func ask(h http.Handler, method, path, who, body string, headers ...string) (int, string, http.Header) {
	r := httptest.NewRequest(method, "http://127.0.0.1:6383"+path, strings.NewReader(body))
	if name, password, ok := strings.Cut(who, ":"); ok {
		r.SetBasicAuth(name, password)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	answer, _ := io.ReadAll(w.Body)
	return w.Code, string(answer), w.Header()
}

func TestWhoMaySeeAndDoWhat(t *testing.T) {
	c := &twoNodes{}
	h, audit := served(c)
	const to = `{"shard":1,"to":"b"}`
	for _, tc := range []struct {
		method, path, who, body string
		headers                 []string
		want                    int
	}{
		{"GET", "/", "", "", nil, 200},
		{"GET", "/app.js", "", "", nil, 200},
		{"GET", "/nosuch", "", "", nil, 404},
		{"GET", "/api/v1/nosuch", "", "", nil, 404},
		{"GET", "/api/v1/cluster", "", "", nil, 200},
		{"GET", "/api/v1/cluster", "admin:right", "", nil, 200},
		{"GET", "/api/v1/cluster", "admin:wrong", "", nil, 401},
		{"GET", "/api/v1/cluster", "nobody:right", "", nil, 403},
		{"GET", "/api/v1/slowlog", "", "", nil, 403},
		{"GET", "/api/v1/hotkeys", "", "", nil, 403},
		{"GET", "/api/v1/key?key=a", "", "", nil, 403},
		{"GET", "/api/v1/key?key64=!", "admin:right", "", nil, 400},
		{"GET", "/api/v1/slowlog", "admin:right", "", nil, 200},
		{"POST", "/api/v1/transfer", "", to, nil, 401},
		{"POST", "/api/v1/transfer", "guest:right", to, nil, 403},
		{"POST", "/api/v1/transfer", "admin:wrong", to, nil, 401},
		{"POST", "/api/v1/transfer", "admin:right", `{"shard":1,"too":"b"}`, nil, 400},
		{"POST", "/api/v1/transfer", "admin:right", to + "{}", nil, 400},
		{"POST", "/api/v1/transfer", "admin:right", "{}", nil, 400},
		{"POST", "/api/v1/transfer", "admin:right", `{"to":"` + strings.Repeat("b", bodyBytesMax) + `"}`, nil, 400},
		{"GET", "/api/v1/transfer", "admin:right", "", nil, 404},
		{"POST", "/api/v1/cancel", "admin:right", "{}", nil, 400},
		{"POST", "/api/v1/cancel", "admin:right", `{"migration":5}`, nil, 404},
		{"POST", "/api/v1/rebalance", "admin:right", "{}", nil, 200},
		// What another page sends, and what comes by a name that is not ours.
		{"POST", "/api/v1/transfer", "admin:right", to, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", "/api/v1/transfer", "admin:right", to, []string{"Origin", "http://evil.example"}, 403},
		{"GET", "/api/v1/cluster", "", "", []string{"Host", "evil.example:6383"}, 401},
		{"GET", "/api/v1/cluster", "admin:right", "", []string{"Host", "evil.example:6383"}, 200},
		{"GET", "/api/v1/cluster", "", "", []string{"Host", "holt-0.example:6383"}, 200},
		{"GET", "/api/v1/cluster", "", "", []string{"Host", "localhost"}, 200},
		{"GET", "/api/v1/cluster", "", "", []string{"Host", "[::1]:6383"}, 200},
	} {
		code, body, headers := ask(h, tc.method, tc.path, tc.who, tc.body, tc.headers...)
		if code != tc.want {
			t.Errorf("%s %s as %q %v %.40s: got %d, want %d: %s", tc.method, tc.path, tc.who, tc.headers, tc.body, code, tc.want, body)
		}
		if headers.Get("Content-Security-Policy") != policy || headers.Get("X-Content-Type-Options") != "nosniff" || headers.Get("WWW-Authenticate") != "" {
			t.Errorf("%s %s: headers %v", tc.method, tc.path, headers)
		}
	}
	if len(c.transferred) != 0 {
		t.Errorf("leaderships were moved to %q", c.transferred)
	}
	if code, body, _ := ask(h, "POST", "/api/v1/transfer", "admin:right", to); code != 200 || len(c.transferred) != 1 || body != `{"leader":"b","term":4}`+"\n" {
		t.Errorf("an admin moves a leadership: got %d %s, moved to %q", code, body, c.transferred)
	}
	lines := strings.Join(*audit, "\n")
	for _, want := range []string{`admin /api/v1/transfer {"shard":1,"to":"b"} ok`, `guest /api/v1/transfer {"shard":1,"to":"b"} refused`, `admin /api/v1/cancel {"migration":5} refused`} {
		if !strings.Contains(lines, want) {
			t.Errorf("the audit lacks %q:\n%s", want, lines)
		}
	}
}

func TestClusterIsToldWithWhatIsNotKnown(t *testing.T) {
	h, _ := served(&twoNodes{})
	_, body, _ := ask(h, "GET", "/api/v1/cluster", "admin:right", "")
	var f clusterFacts
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		t.Fatal(err)
	}
	if f.Epoch != 7 || f.SlotsServed != 8192 || !f.You.Transfer || !f.You.Said || len(f.Nodes) != 2 || len(f.Shards) != 2 || len(f.Migrations) != 1 {
		t.Fatalf("got %s", body)
	}
	if n := f.Nodes[0]; n.State != "alive" || n.Error != "" || len(n.Commands) != 1 || n.Commands[0].Steps[0] != [2]uint64{500, 3} {
		t.Errorf("node a: %+v", n)
	}
	if n := f.Nodes[1]; n.State != "dead" || n.Error != "nobody is there" {
		t.Errorf("node b: %+v", n)
	}
	if s := f.Shards[0]; s.Keys != 5 || !s.Serving || s.Replicas[0].Behind == nil || *s.Replicas[0].Behind != 2 || s.Replicas[1].Behind != nil {
		t.Errorf("shard 1: %s", body)
	}
	if m := f.Migrations[0]; m.Slots != 5 || m.Phase != "running" || m.Stage != "catching up" {
		t.Errorf("migration: %+v", m)
	}
	_, body, _ = ask(h, "GET", "/api/v1/cluster", "", "")
	if err := json.Unmarshal([]byte(body), &f); err != nil || f.You.Transfer || f.You.Rebalance || f.You.Cancel {
		t.Errorf("a visitor without a password may %+v, %v", f.You, err)
	}
}

func TestManyVisitorsAskTheNodesOnce(t *testing.T) {
	c := &twoNodes{}
	h, _ := served(c)
	for range 5 {
		ask(h, "GET", "/api/v1/cluster", "", "")
		ask(h, "GET", "/api/v1/slowlog", "admin:right", "")
	}
	if c.asked > 3 { // a slow machine may take longer for them than an answer is shown
		t.Errorf("a node was asked %d times", c.asked)
	}
	asked := c.asked
	ask(h, "POST", "/api/v1/rebalance", "admin:right", "{}")
	if ask(h, "GET", "/api/v1/cluster", "", ""); c.asked == asked {
		t.Error("after a change the old picture is shown")
	}
}

func TestHostileKeysAreEscapedText(t *testing.T) {
	h, _ := served(&twoNodes{})
	want := `"\"\u003cimg src=x onerror=alert(1)\u003e\\x00\\xff\""`
	for _, path := range []string{"/api/v1/hotkeys", "/api/v1/slowlog", "/api/v1/key?key=" + "%3Cimg+src=x+onerror=alert(1)%3E%00%FF"} {
		code, body, headers := ask(h, "GET", path, "admin:right", "")
		if code != 200 || !strings.Contains(body, want) || !strings.HasPrefix(headers.Get("Content-Type"), "application/json") {
			t.Errorf("%s: %d %s %s", path, code, headers.Get("Content-Type"), body)
		}
	}
	_, body, _ := ask(h, "GET", "/api/v1/slowlog", "admin:right", "")
	if strings.Index(body, "PING") > strings.Index(body, "onerror") {
		t.Errorf("the last command comes first: %s", body)
	}
	var k struct {
		Keys []struct {
			Key64 string `json:"key64"`
		} `json:"keys"`
	}
	_, body, _ = ask(h, "GET", "/api/v1/hotkeys", "admin:right", "")
	if err := json.Unmarshal([]byte(body), &k); err != nil || len(k.Keys) != 1 {
		t.Fatalf("%v %s", err, body)
	}
	if _, body, _ = ask(h, "GET", "/api/v1/key?key64="+strings.ReplaceAll(k.Keys[0].Key64, "+", "%2B"), "admin:right", ""); !strings.Contains(body, `"exists":true`) {
		t.Errorf("the hot key looked up: %s", body)
	}
}

// The page runs nothing but its own files, and puts text in as text.
func TestPageHasNoInlineScriptAndNoMarkupFromData(t *testing.T) {
	files, err := page.ReadDir("page")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		content, err := page.ReadFile("page/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, forbidden := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "<style", " style=", "onclick=", "onerror=", "javascript:", "localStorage", "document.cookie", "http://", "https://"} {
			text := strings.ReplaceAll(string(content), `xmlns="http://www.w3.org/2000/svg"`, "")
			if strings.Contains(text, forbidden) {
				t.Errorf("%s has %q", f.Name(), forbidden)
			}
		}
		if strings.HasSuffix(f.Name(), ".html") && strings.Count(string(content), "<script") != strings.Count(string(content), `<script type="module" src="`) {
			t.Errorf("%s has a script in it", f.Name())
		}
	}
}
