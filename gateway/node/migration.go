package node

import (
	"context"
	"errors"
	"io"

	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard/migration"
)

// Carry opens a stream of a migration to a node.
func (n *nodes) Carry(ctx context.Context, id string, open migration.Open) (migration.Stream, error) {
	client, err := n.node(id)
	if err != nil {
		return nil, err
	}
	stream, err := client.CarryMigration(ctx)
	if err != nil {
		return nil, readOnly(fromStatus(err, true))
	}
	first := &nodev1.CarryMigrationOpen{MigrationId: open.Migration, FromShardId: uint64(open.From), ToShardId: uint64(open.To)}
	err = stream.Send(&nodev1.CarryMigrationRequest{Message: &nodev1.CarryMigrationRequest_Open{Open: first}})
	return carried{stream}, streamError(err)
}

// streamError is why a stream ended: what it brought to the other node that node's state machine says.
func streamError(err error) error {
	if err == nil {
		return nil
	}
	return readOnly(fromStatus(err, true))
}

// carried is the source's end of a stream.
type carried struct {
	nodev1.NodeService_CarryMigrationClient
}

func (c carried) Send(chunk migration.Chunk) error {
	err := c.NodeService_CarryMigrationClient.Send(&nodev1.CarryMigrationRequest{Message: &nodev1.CarryMigrationRequest_Chunk{Chunk: &nodev1.MigrationChunk{
		Attempt: attemptProto(chunk.Attempt), Sequence: chunk.Sequence, Final: chunk.Final, Version: chunk.Version, TimeMs: chunk.Time, Parts: chunk.Parts,
	}}})
	if errors.Is(err, io.EOF) { // Recv says why the stream has ended
		return nil
	}
	return streamError(err)
}

func (c carried) Recv() (migration.Ack, error) {
	reply, err := c.NodeService_CarryMigrationClient.Recv()
	if err != nil {
		return migration.Ack{}, streamError(err)
	}
	return migration.Ack{Attempt: attemptOf(reply.Attempt), Next: reply.Next, Final: reply.Final}, nil
}

// CarryMigration takes the chunks of a migration to a shard that this node leads.
func (s *nodeService) CarryMigration(stream nodev1.NodeService_CarryMigrationServer) error {
	h, err := s.host()
	if err != nil {
		return err
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	open := first.GetOpen()
	if open == nil {
		return toStatus(errNoOpen)
	}
	err = h.ReceiveMigration(stream.Context(), migration.Open{
		Migration: open.MigrationId, From: slot.ShardID(open.FromShardId), To: slot.ShardID(open.ToShardId),
	}, carrying{stream})
	if errors.Is(err, io.EOF) {
		return nil
	}
	return toStatus(err)
}

// carrying is the target's end of a stream.
type carrying struct {
	nodev1.NodeService_CarryMigrationServer
}

func (c carrying) Recv() (migration.Chunk, error) {
	request, err := c.NodeService_CarryMigrationServer.Recv()
	if err != nil {
		return migration.Chunk{}, err
	}
	chunk := request.GetChunk()
	if chunk == nil {
		return migration.Chunk{}, errNoChunk
	}
	return migration.Chunk{
		Attempt: attemptOf(chunk.Attempt), Sequence: chunk.Sequence, Final: chunk.Final, Version: chunk.Version, Time: chunk.TimeMs, Parts: chunk.Parts,
	}, nil
}

func (c carrying) Send(a migration.Ack) error {
	return c.NodeService_CarryMigrationServer.Send(&nodev1.CarryMigrationResponse{Attempt: attemptProto(a.Attempt), Next: a.Next, Final: a.Final})
}

func attemptProto(a entry.Attempt) *nodev1.MigrationAttempt {
	return &nodev1.MigrationAttempt{Incarnation: a.Incarnation, Counter: a.Counter}
}

func attemptOf(a *nodev1.MigrationAttempt) entry.Attempt {
	return entry.Attempt{Incarnation: a.GetIncarnation(), Counter: a.GetCounter()}
}

// migrationHook lets Config.MigrationStep hear of steps.
func (n *Node) migrationHook() migration.Hook {
	if n.cfg.MigrationStep == nil {
		return nil
	}
	return func(step migration.Step, _ uint64, _ slot.ShardID) { n.cfg.MigrationStep(string(step)) }
}
