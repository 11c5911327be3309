package dashboard

import (
	"context"
	"embed"
	"io/fs"
	"net/http"

	"github.com/holtcache/holt/gateway/router"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Cluster is what the dashboard shows, and what it can have changed.
type Cluster interface {
	// View is the latest view of the cluster; it never is nil.
	View() *router.View
	// Report is how a node is doing.
	Report(ctx context.Context, node string, request *nodev1.GetReportRequest) (*nodev1.GetReportResponse, error)
	// LookUp is what the leader of its shard knows of a key, and which node that is.
	LookUp(ctx context.Context, key []byte) (found *nodev1.LookUpKeyResponse, node string, err error)
	// Migrations lists the migrations that have not ended, and those that ended last.
	Migrations(ctx context.Context) (*clusterv1.ListMigrationsResponse, error)
	// TransferLeadership moves the leadership of a shard; to is a node id, or empty for whom the leader chooses.
	TransferLeadership(ctx context.Context, shard slot.ShardID, to string) (leader string, term uint64, err error)
	// StartRebalance begins to spread slots over shards.
	StartRebalance(ctx context.Context, goal *clusterv1.RebalanceGoal) error
	// CancelMigration aborts a migration that is not decided yet, all of them with id 0.
	CancelMigration(ctx context.Context, id uint64) (*clusterv1.CancelMigrationResponse, error)
}

// Visitor is who sends a request.
type Visitor interface {
	Name() string
	// May tells whether he may run a command of RESP, by its name in the command table, on keys.
	May(command string, keys ...[]byte) bool
}

// guest is a visitor; said tells that he has given a password.
type guest struct {
	Visitor
	said bool
}

// Config is what a dashboard is made of.
type Config struct {
	Cluster Cluster
	// Visit tells who sends a request; the error is an *apierr.Error. said tells that he has given a password.
	Visit func(r *http.Request) (v Visitor, said bool, err error)
	// Changed hears of every change that was asked for, whatever came of it.
	Changed func(visitor, from, what string, err error)
}

//go:embed page
var page embed.FS

// policy lets the page load its own files and ask its own API, and nothing else, and nobody frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler answers for the page, at "/" and below, and for its API.
func Handler(cfg Config) http.Handler {
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	a := &api{cfg: cfg}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	for pattern, answer := range map[string]func(*http.Request, guest) (any, error){
		"GET /api/v1/cluster": a.cluster, "GET /api/v1/slowlog": a.slowLog, "GET /api/v1/hotkeys": a.hotKeys, "GET /api/v1/key": a.key,
		"POST /api/v1/transfer": a.transfer, "POST /api/v1/rebalance": a.rebalance, "POST /api/v1/cancel": a.cancel,
	} {
		mux.Handle(pattern, a.answer(answer))
	}
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		guarded.ServeHTTP(w, r)
	})
}
