package dashboard

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
)

// api answers requests for data.
type api struct {
	cfg Config

	mu sync.Mutex // protects the field below; held while all nodes are asked, so that many visitors ask them once
	// seen is what was collected last.
	seen *snapshot
}

const (
	// bodyBytesMax bounds what is sent to the API.
	bodyBytesMax = 4 << 10
	// actMax bounds what a change may take: less than the server has for an answer.
	actMax = 8 * time.Second
	// lookMax bounds looking up a key.
	lookMax = 2 * time.Second
)

// The commands of RESP whose right it takes to see or to do a thing.
const (
	rightToLook      = "cluster|info"
	rightToSlowLog   = "slowlog|get" // hot keys are shown to the same people: both name keys of others
	rightToKey       = "get"
	rightToTransfer  = "cluster|failover"
	rightToRebalance = "cluster|migrateslots"
	rightToCancel    = "cluster|cancelslotmigrations"
)

var (
	errStrangeName = apierr.New(apierr.KindNoAuth, "this server is not known by the name it was asked by: use its address, or say who you are")
	errPassword    = apierr.New(apierr.KindNoAuth, "say who you are: a user who may do that, with his password; nothing was changed")
)

// answer lets a visitor in and writes what he is told.
func (a *api) answer(answer func(*http.Request, guest) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, bodyBytesMax)
		told, err := a.admit(r, answer)
		status := http.StatusOK
		if err != nil {
			status, told = statusOf(err), map[string]string{"error": apierr.Of(err).Message}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(told) // whoever has gone needs no answer
	})
}

func (a *api) admit(r *http.Request, answer func(*http.Request, guest) (any, error)) (any, error) {
	v, said, err := a.cfg.Visit(r)
	switch {
	case err != nil:
		return nil, err
	case !said && r.Method != http.MethodGet:
		return nil, errPassword
	case !said && !a.isOurs(r.Host):
		return nil, errStrangeName
	}
	return answer(r, guest{v, said})
}

// isOurs tells whether a request names this server by an address, or by a name that a node of the cluster is known by.
func (a *api) isOurs(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" {
		return true
	}
	for _, n := range a.cfg.Cluster.View().Nodes {
		for _, addr := range []string{n.HTTP, n.RESP} {
			if h, _, err := net.SplitHostPort(addr); err == nil && h == name {
				return true
			}
		}
	}
	return false
}

func statusOf(err error) int {
	switch apierr.KindOf(err) {
	case apierr.KindNoAuth, apierr.KindWrongPass:
		return http.StatusUnauthorized
	case apierr.KindNoPermission:
		return http.StatusForbidden
	case apierr.KindInvalid:
		return http.StatusBadRequest
	case apierr.KindNotFound:
		return http.StatusNotFound
	}
	return http.StatusServiceUnavailable
}

// mayNot is an error unless the visitor has a right.
func mayNot(v guest, command string, keys ...[]byte) error {
	if v.May(command, keys...) {
		return nil
	}
	return apierr.New(apierr.KindNoPermission, "user %s may not do that: it takes the right to %s; nothing was changed", v.Name(), command)
}

// key tells what is known of a key.
func (a *api) key(r *http.Request, v guest) (any, error) {
	key := []byte(r.URL.Query().Get("key"))
	if encoded := r.URL.Query().Get("key64"); encoded != "" {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, apierr.New(apierr.KindInvalid, "key64: %w", err)
		}
	}
	if err := mayNot(v, rightToKey, key); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookMax)
	defer cancel()
	found, node, err := a.cfg.Cluster.LookUp(ctx, key)
	if err != nil {
		return nil, err
	}
	k := keyFacts{
		Key: shown(key), Slot: slot.Of(key), Shard: found.ShardId, Node: node, Exists: found.Exists, Type: found.Type,
		Version: found.Version, ExpireAtMs: found.ExpireAtMs, Bytes: found.Bytes, IdleMs: found.IdleMs, Frequency: found.Frequency, TimeMs: time.Now().UnixMilli(),
	}
	return k, nil
}

// keyFacts is the answer to GET /api/v1/key.
type keyFacts struct {
	Key        string  `json:"key"`
	Slot       slot.ID `json:"slot"`
	Shard      uint64  `json:"shard"`
	Node       string  `json:"node"`
	Exists     bool    `json:"exists"`
	Type       string  `json:"type,omitempty"`
	Version    uint64  `json:"version,omitempty"`
	ExpireAtMs int64   `json:"expire_at_ms,omitempty"`
	Bytes      uint64  `json:"bytes,omitempty"`
	IdleMs     uint64  `json:"idle_ms,omitempty"`
	Frequency  *uint32 `json:"frequency,omitempty"`
	TimeMs     int64   `json:"time_ms"`
}

func (a *api) transfer(r *http.Request, v guest) (any, error) {
	var wanted struct {
		Shard slot.ShardID `json:"shard"`
		To    string       `json:"to"`
	}
	return a.act(r, v, rightToTransfer, &wanted, func(ctx context.Context) (any, error) {
		if wanted.Shard == 0 {
			return nil, apierr.New(apierr.KindInvalid, "shard: name one, 1 or more; nothing was changed")
		}
		leader, term, err := a.cfg.Cluster.TransferLeadership(ctx, wanted.Shard, wanted.To)
		return map[string]any{"leader": leader, "term": term}, err
	})
}

func (a *api) rebalance(r *http.Request, v guest) (any, error) {
	var wanted struct{}
	return a.act(r, v, rightToRebalance, &wanted, func(ctx context.Context) (any, error) {
		return struct{}{}, a.cfg.Cluster.StartRebalance(ctx, &clusterv1.RebalanceGoal{})
	})
}

func (a *api) cancel(r *http.Request, v guest) (any, error) {
	var wanted struct {
		Migration *uint64 `json:"migration"`
	}
	return a.act(r, v, rightToCancel, &wanted, func(ctx context.Context) (any, error) {
		if wanted.Migration == nil {
			return nil, apierr.New(apierr.KindInvalid, "migration: name one, or 0 for all; nothing was changed")
		}
		done, err := a.cfg.Cluster.CancelMigration(ctx, *wanted.Migration)
		return map[string]any{"migrations": done.GetMigrationIds(), "rebalance_stopped": done.GetRebalanceStopped()}, err
	})
}

// act reads what is wanted and does it, for who may.
func (a *api) act(r *http.Request, v guest, command string, wanted any, do func(context.Context) (any, error)) (told any, err error) {
	asked, err := io.ReadAll(r.Body)
	defer func() { a.cfg.Changed(v.Name(), r.RemoteAddr, fmt.Sprintf("%s %s", r.URL.Path, shown(asked)), err) }()
	if err != nil {
		return nil, apierr.New(apierr.KindInvalid, "the request has more than %d bytes, or breaks off; nothing was changed", bodyBytesMax)
	}
	if err := mayNot(v, command); err != nil {
		return nil, err
	}
	if err := readJSON(asked, wanted); err != nil {
		return nil, apierr.New(apierr.KindInvalid, "the request: %w; nothing was changed", err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), actMax)
	defer cancel()
	if told, err = do(ctx); err != nil {
		return nil, err
	}
	a.forget()
	return told, nil
}

var errMore = errors.New("there is something behind it")

// readJSON reads one object that has known fields only.
func readJSON(text []byte, into any) error {
	if err := json.Unmarshal(text, new(json.RawMessage)); err != nil {
		return errMore
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
