package cluster

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"

	"github.com/holtcache/holt/gateway/certs"
	"github.com/holtcache/holt/gateway/certs/certstest"
	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/gateway/node"
)

// Secure is how a cluster is reached whose ports speak TLS, whose nodes know each other by certificate and encrypted gossip, and
// whose default user has a password.
type Secure struct {
	// CA is the file with the authority of its certificates.
	CA string
	// TLS is the configuration of a client.
	TLS *tls.Config
	// Password is that of the default user.
	Password string

	args []string // of each node
	web  *http.Client
}

// secure makes certificates and keys in a folder.
func secure(t T, dir string) *Secure {
	t.Helper()
	dir = filepath.Join(dir, "certs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatalf("%v", err)
	}
	authority := certstest.New(t, dir)
	pair := authority.Issue("node", certstest.ForNodes)
	keys := filepath.Join(dir, "gossip.keys")
	if err := os.WriteFile(keys, []byte(node.NewGossipKey()+"\n"), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	trust, err := certs.Open(certs.Files{CA: authority.CA}, nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	s := &Secure{CA: authority.CA, TLS: trust.Client("127.0.0.1:0", ""), Password: "for tests"}
	s.args = []string{
		"--tls-cert-file", pair.Cert, "--tls-key-file", pair.Key, "--tls-ca-cert-file", authority.CA,
		"--gossip-key-file", keys, "--requirepass", s.Password,
	}
	s.web = &http.Client{Timeout: callMax, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: s.TLS}}
	return s
}

// options are those of an operator's client; none where the cluster is open.
func (s *Secure) options() []client.Option {
	if s == nil {
		return nil
	}
	return []client.Option{client.WithTLS(s.TLS), client.WithUser("default", s.Password)}
}

// get asks a node's HTTP port.
func (s *Secure) get(addr, path string) (*http.Response, error) {
	if s == nil {
		return httpClient.Get("http://" + addr + path)
	}
	return s.web.Get("https://" + addr + path)
}
