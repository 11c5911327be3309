package grpcserver

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// caller is who makes a call: a user as of when it began.
type caller struct {
	user  *acl.User
	users *acl.Users
}

type callerKey struct{}

// authDelay is how long a wrong password takes to be answered, as with AUTH of RESP.
const authDelay = 100 * time.Millisecond

var (
	errNoAuth   = apierr.New(apierr.KindNoAuth, "say who you are in the metadata: authorization: Bearer user:password, or Basic with that in base64")
	errToken    = apierr.New(apierr.KindWrongPass, "authorization in the metadata: want Bearer user:password, or Basic with that in base64")
	errGone     = apierr.New(apierr.KindNoAuth, "the user of this stream is not any more, or was switched off; call again as another")
	errKeptOut  = apierr.New(apierr.KindNoAuth, "protected mode: the user 'default' needs no password, so only calls from this machine are served; set a password for him, or start nodes with --protected-mode=no")
	errNoMethod = apierr.New(apierr.KindNoPermission, "nobody may call this method")
)

// authenticate tells who makes a call. Without a word it is the default user, where he needs no password.
func (s *Server) authenticate(ctx context.Context) (*caller, error) {
	users := s.cfg.Access.Users()
	if users.Waiting() {
		return nil, acl.ErrWaiting
	}
	from, _ := peer.FromContext(ctx)
	if s.cfg.Protected != nil && s.cfg.Protected() && users.Default().NoPassword() && !acl.IsLocal(fromText(from)) {
		return nil, errKeptOut
	}
	words := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(words) == 0 {
		if users.Default().Open() {
			return &caller{users.Default(), users}, nil
		}
		return nil, errNoAuth
	}
	name, password, err := readToken(words[0])
	if err != nil || len(words) > 1 {
		return nil, errToken
	}
	u, wrong := users.Authenticate(name, []byte(password))
	if wrong == nil {
		return &caller{u, users}, nil
	}
	s.cfg.Access.Denials.Add(acl.Denied{Denial: acl.Denial{Reason: acl.ReasonAuth, Object: "gRPC"}, Context: "toplevel", User: name, Client: fromText(from)})
	timer := time.NewTimer(authDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-s.stopping:
	}
	return nil, wrong
}

// readToken reads user and password: "Bearer user:password", or "Basic" with that in base64.
func readToken(text string) (name, password string, err error) {
	scheme, token, _ := strings.Cut(text, " ")
	switch strings.ToLower(scheme) {
	case "bearer":
	case "basic":
		decoded, err := base64.StdEncoding.DecodeString(token)
		if err != nil {
			return "", "", errToken
		}
		token = string(decoded)
	default:
		return "", "", errToken
	}
	name, password, found := strings.Cut(token, ":")
	if !found {
		return "", "", errToken
	}
	return name, password, nil
}

func fromText(from *peer.Peer) string {
	if from == nil || from.Addr == nil {
		return "unknown"
	}
	return from.Addr.String()
}

// userOf is the user of a call as he is now; nil where he is not any more.
func (s *Server) userOf(ctx context.Context) *acl.User {
	c, _ := ctx.Value(callerKey{}).(*caller)
	if c == nil {
		return nil // no call comes past the interceptors
	}
	users := c.users
	return s.cfg.Access.Now(c.user, &users)
}

// mayRun refuses a call whose user may not run a command, to which it amounts.
func (s *Server) mayRun(ctx context.Context, name string) error {
	return s.mayTouch(ctx, s.cfg.Access.Command(name), 0)
}

// mayTouch refuses one whose user may not run a command on keys.
func (s *Server) mayTouch(ctx context.Context, spec *command.Spec, flags command.KeyFlag, keys ...[]byte) error {
	u := s.userOf(ctx)
	if u == nil {
		return errGone
	}
	if spec == nil {
		return errNoMethod
	}
	d := u.CheckKeys(spec, flags, keys...)
	if d.Reason == 0 {
		return nil
	}
	from, _ := peer.FromContext(ctx)
	s.cfg.Access.Denials.Add(acl.Denied{Denial: d, Context: "toplevel", User: u.Name(), Client: "gRPC " + fromText(from)})
	return d.Err()
}

// serveUser serves a request that its user may make.
func (s *Server) serveUser(ctx context.Context, request any) (any, error) {
	if err := s.mayCall(ctx, request); err != nil {
		return nil, err
	}
	return s.serve(ctx, request)
}

// mayCall refuses a request of CacheService that its user may not make: he has to be allowed the command of RESP that does the
// same.
func (s *Server) mayCall(ctx context.Context, request any) error {
	show := func(also command.KeyFlag, shows bool) command.KeyFlag {
		if shows {
			also |= command.KeyAccess
		}
		return also
	}
	c := &s.commands
	switch r := request.(type) {
	case *cachev1.GetRequest:
		return s.mayTouch(ctx, c.get, command.KeyAccess, r.GetKey())
	case *cachev1.SetRequest:
		return s.mayTouch(ctx, c.set, show(command.KeyUpdate, r.GetReturnPrevious()), r.GetKey())
	case *cachev1.DeleteRequest:
		return s.mayTouch(ctx, c.del, show(command.KeyDelete, r.GetReturnPrevious()), r.GetKey())
	case *cachev1.ExpireRequest:
		return s.mayTouch(ctx, c.expire, command.KeyUpdate, r.GetKey())
	case *cachev1.IncrementRequest:
		return s.mayTouch(ctx, c.increment, command.KeyAccess|command.KeyUpdate, r.GetKey())
	case *cachev1.BatchRequest:
		for _, op := range r.GetOps() {
			if err := s.mayCall(ctx, batchRequest(op)); err != nil {
				return err
			}
		}
	}
	return nil // nothing that could be done: parse refuses it
}

// commands are those that the requests of CacheService amount to.
type commands struct{ get, set, del, expire, increment *command.Spec }

func commandsOf(access *acl.Registry) commands {
	return commands{
		get: access.Command("get"), set: access.Command("set"), del: access.Command("del"), expire: access.Command("pexpire"),
		increment: access.Command("incrby"),
	}
}
