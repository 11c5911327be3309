package node

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/holtcache/holt/gateway/acl"
)

// guardDelay is how long a wrong password takes to be answered, as with AUTH of RESP.
const guardDelay = 100 * time.Millisecond

// guarded is an answer for users who may run DEBUG: it shows keys and values. They say who they are by basic authentication, unless the
// user 'default' needs no password; then protected mode keeps others than this machine out.
func (n *Node) guarded(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		users := n.access.Users()
		u := users.Default()
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		elsewhere := err != nil || !from.Addr().Unmap().IsLoopback()
		if name, password, said := r.BasicAuth(); said {
			who, wrong := users.Authenticate(name, []byte(password))
			if wrong != nil {
				n.access.Denials.Add(acl.Denied{Denial: acl.Denial{Reason: acl.ReasonAuth, Object: "HTTP"}, Context: "toplevel", User: name, Client: r.RemoteAddr})
				select {
				case <-time.After(guardDelay):
				case <-n.closing:
				}
				askWho(w)
				return
			}
			u = who
		} else if !u.Open() {
			askWho(w)
			return
		}
		switch {
		case elsewhere && n.isProtected() && users.Default().NoPassword():
			http.Error(w, "protected mode: the user 'default' needs no password, so only this machine is served", http.StatusForbidden)
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
