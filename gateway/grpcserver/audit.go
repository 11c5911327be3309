package grpcserver

import (
	"context"
	"path"
	"strings"

	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/holtcache/holt/gateway/acl"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// audit tells the log of a call that changes something about the cluster, whatever came of it.
func (s *Server) audit(ctx context.Context, method string, request any, err error) {
	if !rights[method].changes {
		return
	}
	user := ""
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		user = c.user.Name()
	}
	from, _ := peer.FromContext(ctx)
	outcome := "ok"
	if err != nil {
		outcome = err.Error()
	}
	s.log.Info("admin action", "audit", true, "user", user, "from", fromText(from), "command", path.Base(method)+" "+auditText(request), "outcome", outcome)
}

// auditBytesMax bounds what is told of one request.
const auditBytesMax = 1 << 10

// auditText writes a request without its secrets.
func auditText(request any) string {
	if r, ok := request.(*clusterv1.SetUserRequest); ok {
		words := []string{r.GetName()}
		for _, rule := range r.GetRules() {
			words = append(words, acl.Redact(string(rule)))
		}
		return cut(strings.Join(words, " "))
	}
	m, ok := request.(proto.Message)
	if !ok {
		return ""
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		return ""
	}
	return cut(string(text))
}

func cut(text string) string { return text[:min(len(text), auditBytesMax)] }
