package node

import (
	"context"
	"io"
	"time"

	"github.com/holtcache/holt/gateway/pubsub"
	"github.com/holtcache/holt/gateway/router"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
)

// publishOpenMax bounds the time in which another node has to be reached to be given messages.
const publishOpenMax = 2 * time.Second

// messageStream is the stream over which one node is given messages.
type messageStream struct {
	nodes  *nodes
	node   string
	stream nodev1.NodeService_PublishClient
	cancel context.CancelFunc
	broken chan struct{}
}

var _ pubsub.Carrier = (*messageStream)(nil)

// openMessages begins a stream to a node. It ends with ctx.
func (n *nodes) openMessages(ctx context.Context, node string) (pubsub.Carrier, error) {
	ctx, cancel := context.WithCancel(ctx)
	client, err := n.node(node)
	if err != nil {
		cancel()
		return nil, err
	}
	late := time.AfterFunc(publishOpenMax, cancel)
	stream, err := client.Publish(ctx)
	if err == nil && !late.Stop() {
		err = context.DeadlineExceeded
	}
	if err != nil {
		late.Stop()
		cancel()
		return nil, err
	}
	c := &messageStream{nodes: n, node: node, stream: stream, cancel: cancel, broken: make(chan struct{})}
	go func() {
		defer close(c.broken)
		_ = stream.RecvMsg(new(nodev1.PublishResponse)) // there is none while the stream is whole
	}()
	return c, nil
}

// Send writes messages as one. gRPC makes it wait while the node does not take what was sent before.
func (c *messageStream) Send(messages []pubsub.Published) error {
	if _, err := c.nodes.node(c.node); err != nil { // says also that the connection is in use
		return err
	}
	request := &nodev1.PublishRequest{Messages: make([]*nodev1.ChannelMessage, len(messages))}
	for i, m := range messages {
		request.Messages[i] = &nodev1.ChannelMessage{Channel: m.Channel, Payload: m.Payload}
	}
	return c.stream.Send(request)
}

// Broken is closed when the stream has ended.
func (c *messageStream) Broken() <-chan struct{} { return c.broken }

// Close ends the stream.
func (c *messageStream) Close() {
	c.cancel()
	<-c.broken
}

// Publish gives messages of another node to the clients here.
func (s *nodeService) Publish(stream nodev1.NodeService_PublishServer) error {
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&nodev1.PublishResponse{})
		}
		if err != nil {
			return err
		}
		for _, m := range request.Messages {
			s.n.resp.Deliver(m.GetChannel(), m.GetPayload())
		}
	}
}

// relayTo has messages taken to all other nodes of a view.
func (n *Node) relayTo(v *router.View) {
	var others []string
	for _, node := range v.Nodes {
		if node.ID != v.Self {
			others = append(others, node.ID)
		}
	}
	n.relay.SetNodes(others)
}
