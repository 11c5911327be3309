package node

import (
	"net/http"
	"time"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/proto/apierr"
)

// guardDelay is how long a wrong password takes to be answered, as with AUTH of RESP.
const guardDelay = 100 * time.Millisecond

var (
	errNoVisitor = apierr.New(apierr.KindNoAuth, "say who you are: a user of RESP, with his password")
	errKeptOut   = apierr.New(apierr.KindNoPermission, "protected mode: the user 'default' needs no password, so only this machine is served")
)

// visitor is the user who sends a request. He says who he is by basic authentication, unless the user 'default' needs no password;
// then protected mode keeps others than this machine out. said tells that he has given a password.
func (n *Node) visitor(r *http.Request) (u *acl.User, said bool, err error) {
	users := n.access.Users()
	if users.Waiting() {
		return nil, false, acl.ErrWaiting
	}
	u = users.Default()
	elsewhere := !acl.IsLocal(r.RemoteAddr)
	name, password, said := r.BasicAuth()
	if said {
		who, wrong := users.Authenticate(name, []byte(password))
		if wrong != nil {
			n.access.Denials.Add(acl.Denied{Denial: acl.Denial{Reason: acl.ReasonAuth, Object: "HTTP"}, Context: "toplevel", User: name, Client: r.RemoteAddr})
			timer := time.NewTimer(guardDelay)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-n.closing:
			}
			return nil, false, wrong
		}
		u = who
	} else if !u.Open() {
		return nil, false, errNoVisitor
	}
	if elsewhere && n.isProtected() && users.Default().NoPassword() {
		return nil, false, errKeptOut
	}
	return u, said, nil
}

// guarded is an answer for users who may run DEBUG: it shows keys and values.
func (n *Node) guarded(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		u, _, err := n.visitor(r)
		switch {
		case apierr.KindOf(err) == apierr.KindNoPermission:
			http.Error(w, apierr.Of(err).Message, http.StatusForbidden)
		case apierr.KindOf(err) == apierr.KindLoading:
			http.Error(w, apierr.Of(err).Message, http.StatusServiceUnavailable)
		case err != nil:
			askWho(w)
		case u.CheckKeys(n.access.Command("debug"), 0).Reason != 0:
			http.Error(w, "this takes the right to run DEBUG", http.StatusForbidden)
		default:
			answer(w, r)
		}
	}
}

func askWho(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="holt"`)
	http.Error(w, "say who you are: a user who may run DEBUG, with his password", http.StatusUnauthorized)
}
