package respserver

import (
	"context"
	"fmt"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// Operator changes the cluster for CLUSTER commands. Its errors are *apierr.Error.
type Operator interface {
	// MigrateSlots begins to hand slots over to nodes, all of it or none.
	MigrateSlots(ctx context.Context, moves []SlotMove) error
	// Migrations lists the migrations that run, and the last ones.
	Migrations(ctx context.Context) ([]MigrationFacts, error)
	// CancelMigrations aborts the migrations that are not decided yet.
	CancelMigrations(ctx context.Context) error
	// ForgetNode takes a node out of the cluster that holds nothing any more.
	ForgetNode(ctx context.Context, id string) error
	// Lead makes this node the leader of the shards that it holds a replica of.
	Lead(ctx context.Context) error
}

// SlotMove is slots that a node is to get.
type SlotMove struct {
	Ranges []slot.Range
	Node   string
}

// MigrationFacts is what CLUSTER GETSLOTMIGRATIONS tells of a migration.
type MigrationFacts struct {
	ID     uint64
	Ranges []slot.Range
	// Source and Target are the nodes that lead its shards, empty where they are not known.
	Source, Target string
	// State is that of Valkey, Message says what was in the way.
	State, Message   string
	Started, Updated time.Time
	RemainingBytes   uint64
}

// operatorMax bounds a command that changes the cluster: below usual client read timeouts (3 s) it would often be answered
// without knowing what came of it, and operators wait.
const operatorMax = 15 * time.Second

func clusterAdminHandlers() map[string]handler {
	handlers := map[string]handler{
		"cluster|migrateslots":         (*conn).clusterMigrateSlots,
		"cluster|getslotmigrations":    (*conn).clusterGetSlotMigrations,
		"cluster|cancelslotmigrations": operate(Operator.CancelMigrations),
		"cluster|forget":               (*conn).clusterForget,
		"cluster|failover":             (*conn).clusterFailover,
		"cluster|saveconfig":           func(*conn, [][]byte) resp.Value { return resp.OK() }, // it is saved whenever it changes
		"cluster|count-failure-reports": func(c *conn, args [][]byte) resp.Value {
			if _, known := c.server.cfg.Router.View().Node(string(args[2])); !known {
				return errorReply(unknownNode(args[2]))
			}
			return resp.Int(0) // nodes do not vote on who has failed
		},
	}
	for name, instead := range map[string]string{
		"setslot":          "slots move as a whole: use holt cluster rebalance, holt cluster migrate, or CLUSTER MIGRATESLOTS",
		"addslots":         "every slot has an owner: use holt cluster rebalance or holt cluster migrate",
		"addslotsrange":    "every slot has an owner: use holt cluster rebalance or holt cluster migrate",
		"delslots":         "every slot keeps an owner: use holt cluster migrate",
		"delslotsrange":    "every slot keeps an owner: use holt cluster migrate",
		"flushslots":       "every slot keeps an owner: use holt cluster migrate",
		"meet":             "start the other node with holt server --join, then use holt cluster rebalance",
		"replicate":        "the cluster places replicas itself: use holt cluster rebalance or holt cluster transfer",
		"reset":            "use holt cluster remove-node, then start the node again on an empty data folder",
		"bumpepoch":        "the meta group counts epochs: use holt cluster status to see it",
		"set-config-epoch": "the meta group counts epochs: use holt cluster init to create a cluster",
	} {
		handlers["cluster|"+name] = func(_ *conn, args [][]byte) resp.Value {
			return errorReply(apierr.New(apierr.KindUnsupported, "CLUSTER %s is not supported; nothing was changed: %s", upperClip(args[1]), instead))
		}
	}
	return handlers
}

// upperClip is a word of the client's in upper case, cut where it is too long for an error.
func upperClip(word []byte) string {
	upper := []byte(clip(word))
	for i, ch := range upper {
		if 'a' <= ch && ch <= 'z' {
			upper[i] -= 'a' - 'A'
		}
	}
	return string(upper)
}

// operate is a handler that has the operator do something and answers OK.
func operate(do func(Operator, context.Context) error) handler {
	return func(c *conn, _ [][]byte) resp.Value {
		return c.operate(func(ctx context.Context, o Operator) (resp.Value, error) { return resp.OK(), do(o, ctx) })
	}
}

// operate asks the operator, which may take a while: what is answered already goes out first. Inside of EXEC nobody can wait.
func (c *conn) operate(do func(ctx context.Context, o Operator) (resp.Value, error)) resp.Value {
	o := c.server.cfg.Operator
	switch {
	case o == nil:
		return errorReply(apierr.New(apierr.KindUnsupported, "this node changes no cluster"))
	case c.inExec:
		return errorReply(errNotInMulti)
	case !c.out.flush():
		c.closing = true
		return resp.OK()
	}
	ctx, cancel := context.WithTimeout(context.Background(), operatorMax)
	defer cancel()
	v, err := do(ctx, o)
	c.arrived = time.Now()
	if err != nil {
		return errorReply(err)
	}
	return v
}

func unknownNode(id []byte) *apierr.Error {
	return apierr.New(apierr.KindNotFound, "Unknown node %s", clip(id))
}

// clusterMigrateSlots is CLUSTER MIGRATESLOTS SLOTSRANGE start end [start end ...] NODE id [SLOTSRANGE ...].
func (c *conn) clusterMigrateSlots(args [][]byte) resp.Value {
	moves, err := c.parseMoves(args[2:])
	if err != nil {
		return errorReply(err)
	}
	return c.operate(func(ctx context.Context, o Operator) (resp.Value, error) {
		return resp.OK(), o.MigrateSlots(ctx, moves)
	})
}

func (c *conn) parseMoves(args [][]byte) ([]SlotMove, *apierr.Error) {
	var moves []SlotMove
	var named []slot.Range
	for len(args) > 0 {
		if !word(args[0], "SLOTSRANGE") {
			return nil, errSyntax
		}
		args = args[1:]
		var move SlotMove
		for len(args) > 0 && !word(args[0], "NODE") {
			if len(args) == 1 || word(args[1], "NODE") {
				return nil, apierr.New(apierr.KindInvalid, "No end slot for final slot range")
			}
			first, okFirst := parseSlot(args[0])
			last, okLast := parseSlot(args[1])
			if !okFirst || !okLast {
				return nil, errSlot
			}
			if first > last {
				return nil, apierr.New(apierr.KindInvalid, "Start slot number %d is greater than end slot number %d.", first, last)
			}
			r := slot.Range{First: first, Last: last}
			for _, other := range named {
				if r.First <= other.Last && other.First <= r.Last {
					return nil, apierr.New(apierr.KindInvalid, "Slot range %d-%d overlaps with previous range %d-%d.", first, last, other.First, other.Last)
				}
			}
			named = append(named, r)
			move.Ranges = append(move.Ranges, r)
			args = args[2:]
		}
		switch {
		case len(move.Ranges) == 0:
			return nil, apierr.New(apierr.KindInvalid, "No slot ranges specified")
		case len(args) < 2:
			return nil, errSyntax
		}
		if _, known := c.server.cfg.Router.View().Node(string(args[1])); !known {
			return nil, unknownNode(args[1])
		}
		move.Node = string(args[1])
		moves = append(moves, move)
		args = args[2:]
	}
	return moves, nil
}

// clusterGetSlotMigrations tells of each migration what Valkey does. A node that leads neither shard tells of it as the source
// would.
func (c *conn) clusterGetSlotMigrations([][]byte) resp.Value {
	self := c.server.cfg.Router.View().Self
	return c.operate(func(ctx context.Context, o Operator) (resp.Value, error) {
		list, err := o.Migrations(ctx)
		replies := make([]resp.Value, 0, len(list))
		for _, m := range list {
			operation := "EXPORT"
			if m.Target == self && m.Source != self {
				operation = "IMPORT"
			}
			ranges := ""
			for i, r := range m.Ranges {
				if i > 0 {
					ranges += " "
				}
				ranges += fmt.Sprintf("%d-%d", r.First, r.Last)
			}
			replies = append(replies, resp.Map(
				resp.BulkString("name"), resp.BulkString(fmt.Sprintf("%040x", m.ID)),
				resp.BulkString("operation"), resp.BulkString(operation),
				resp.BulkString("slot_ranges"), resp.BulkString(ranges),
				resp.BulkString("target_node"), resp.BulkString(m.Target),
				resp.BulkString("source_node"), resp.BulkString(m.Source),
				resp.BulkString("create_time"), resp.Int(m.Started.Unix()),
				resp.BulkString("last_update_time"), resp.Int(m.Updated.Unix()),
				resp.BulkString("last_ack_time"), resp.Int(m.Updated.Unix()),
				resp.BulkString("state"), resp.BulkString(m.State),
				resp.BulkString("message"), resp.BulkString(m.Message),
				resp.BulkString("cow_size"), resp.Int(0),
				resp.BulkString("remaining_repl_size"), resp.Int(int64(m.RemainingBytes)),
			))
		}
		return resp.Array(replies...), err
	})
}

// clusterForget takes a node out of the cluster. Tools send it to every node, so one that is gone already is no error.
func (c *conn) clusterForget(args [][]byte) resp.Value {
	if string(args[2]) == c.server.cfg.Router.View().Self {
		return errorReply(apierr.New(apierr.KindInvalid, "I tried hard but I can't forget myself..."))
	}
	return c.operate(func(ctx context.Context, o Operator) (resp.Value, error) {
		return resp.OK(), o.ForgetNode(ctx, string(args[2]))
	})
}

// clusterFailover makes this node lead what it follows. It goes through the leaders, so nothing is lost; against a majority
// nothing can be forced.
func (c *conn) clusterFailover(args [][]byte) resp.Value {
	switch {
	case len(args) == 2:
		return operate(Operator.Lead)(c, args)
	case len(args) == 3 && word(args[2], "FORCE"):
		return errorReply(apierr.New(apierr.KindUnsupported, "a leader that is dead is replaced by election within moments, and one that lives hands over to CLUSTER FAILOVER without FORCE; nothing was changed"))
	case len(args) == 3 && word(args[2], "TAKEOVER"):
		return errorReply(apierr.New(apierr.KindUnsupported, "nobody leads against the majority of a shard's replicas; nothing was changed: where a majority is lost for good use holt cluster recover"))
	}
	return errorReply(errSyntax)
}

var errGetKeysInSlot = apierr.New(apierr.KindInvalid, "Invalid slot or number of keys")

// keysInSlotMax bounds the keys of one reply, as a slot may hold millions.
const keysInSlotMax = 1 << 16

// clusterGetKeys lists keys of a slot that this node holds, as leader or not.
func (c *conn) clusterGetKeys(args [][]byte) resp.Value {
	s, ok := parseSlot(args[2])
	_, notSlot := ops.ParseInt(args[2])
	count, notCount := ops.ParseInt(args[3])
	switch {
	case notSlot != nil:
		return errorReply(notSlot)
	case notCount != nil:
		return errorReply(notCount)
	case !ok || count < 0:
		return errorReply(errGetKeysInSlot)
	}
	replica, here := c.server.cfg.Router.Stale(s)
	if !here {
		return resp.Array()
	}
	keys := replica.ListKeys(s, int(min(count, keysInSlotMax)))
	replies := make([]resp.Value, len(keys))
	for i, key := range keys {
		replies[i] = resp.Bulk(key)
	}
	return resp.Array(replies...)
}
