package respserver

import (
	"context"
	"errors"

	"github.com/holtcache/holt/gateway/resp"
)

// Saver writes snapshots of the shards of this node. Both methods return ErrSaveRunning while one is being written.
type Saver interface {
	// Save returns when a snapshot of every shard is on disk.
	Save(ctx context.Context) error
	// SaveInBackground returns when it has begun.
	SaveInBackground() error
}

// ErrSaveRunning says that a snapshot is being written.
var ErrSaveRunning = errors.New("a snapshot is being written")

var (
	errSaveRunning    = resp.Err("ERR Background save already in progress")
	errRewriteRunning = resp.Err("ERR Background append only file rewriting already in progress")
	errNotMember      = resp.Err("ERR this node belongs to no cluster yet: it has nothing to save")
)

// save is SAVE: all cores write the snapshots of this node, and the reply comes when they are on disk.
func (c *conn) save([][]byte) resp.Value {
	saver := c.server.cfg.Saver
	if saver == nil {
		return errNotMember
	}
	if !c.out.flush() {
		c.closing = true
		return resp.OK()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- saver.Save(ctx) }()
	select {
	case err := <-done:
		return saveReply(err, errSaveRunning, resp.OK())
	case <-c.server.stop:
		cancel()
		<-done
		c.closing = true
		return resp.OK()
	}
}

// bgSave is BGSAVE [SCHEDULE]. There is no rewriting of a log that it would have to wait for, so SCHEDULE changes nothing.
func (c *conn) bgSave(args [][]byte) resp.Value {
	if len(args) > 2 || len(args) == 2 && !word(args[1], "SCHEDULE") {
		return errorReply(errSyntax)
	}
	return c.saveInBackground(errSaveRunning, resp.Simple("Background saving started"))
}

// rewriteAOF is BGREWRITEAOF: what makes the log shorter is a snapshot.
func (c *conn) rewriteAOF([][]byte) resp.Value {
	return c.saveInBackground(errRewriteRunning, resp.Simple("Background append only file rewriting started"))
}

func (c *conn) saveInBackground(running, started resp.Value) resp.Value {
	if c.server.cfg.Saver == nil {
		return errNotMember
	}
	return saveReply(c.server.cfg.Saver.SaveInBackground(), running, started)
}

func saveReply(err error, running, ok resp.Value) resp.Value {
	switch {
	case errors.Is(err, ErrSaveRunning):
		return running
	case err != nil:
		return resp.Err("ERR " + err.Error())
	}
	return ok
}
