package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holtcache/holt/gateway/certs"
	"github.com/holtcache/holt/gateway/certs/certstest"
	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/shard/transport"
)

// trusting is the configuration of a client that believes an authority and shows a certificate, if one is named.
func trusting(t *testing.T, ca string, shows certstest.Pair) *tls.Config {
	t.Helper()
	s, err := certs.Open(certs.Files{CA: ca, Cert: shows.Cert, Key: shows.Key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.Client("127.0.0.1:1", "")
}

// answered is what the first byte from a port is an answer to; an error where the port closes instead.
func answered(t *testing.T, addr string, config *tls.Config, sent string) error {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if err := raw.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	conn := raw
	if config != nil {
		conn = tls.Client(raw, config)
	}
	if _, err := io.WriteString(conn, sent); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%s neither answers nor closes", addr)
	}
	return err
}

func TestEveryPortSpeaksTLSAndNodesKnowEachOtherByCertificate(t *testing.T) {
	t.Parallel()
	ca := certstest.New(t, t.TempDir())
	pair, guest := ca.Issue("node", certstest.ForNodes), ca.Issue("guest", certstest.ForClients)
	files := certs.Files{Cert: pair.Cert, Key: pair.Key, CA: ca.CA}
	config := trusting(t, ca.CA, certstest.Pair{})
	nodes := openClusterBy(t, 3, []client.Option{client.WithTLS(config)}, func(c *Config) { c.TLS = TLS{Files: files, Cluster: files} })
	var addrs []string
	for _, n := range nodes {
		addrs = append(addrs, n.Addresses().RESP)
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, TLSConfig: config})
	defer c.Close()
	for i := range 50 {
		set(t, c, fmt.Sprint("k", i), i)
	}
	for i := range 50 {
		if got, err := c.Get(t.Context(), fmt.Sprint("k", i)).Int(); got != i || err != nil {
			t.Errorf("k%d: %d, %v", i, got, err)
		}
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	reply, err := web.Get("https://" + nodes[1].Addresses().HTTP + "/readyz")
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Errorf("readyz: %v, %v", reply, err)
	} else {
		reply.Body.Close()
	}
	n, http2 := nodes[0].Addresses(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	for _, port := range []struct {
		what, addr, sent string
		config           *tls.Config
		ok               bool
	}{
		{"RESP", n.RESP, "PING\r\n", config, true},
		{"RESP, plain", n.RESP, "PING\r\n", nil, false},
		{"gRPC, plain", n.GRPC, http2, nil, false},
		{"cluster, a node", n.Cluster, http2, trusting(t, ca.CA, pair), true},
		{"cluster, a client's certificate", n.Cluster, http2, trusting(t, ca.CA, guest), false},
		{"cluster, a client's certificate, Raft", n.Cluster, string(transport.Preface) + strings.Repeat("x", 100), trusting(t, ca.CA, guest), false},
		{"cluster, no certificate", n.Cluster, http2, config, false},
		{"cluster, plain", n.Cluster, http2, nil, false},
	} {
		// A plain byte from a TLS port is an alert: it says that nothing was understood.
		err := answered(t, port.addr, port.config, port.sent)
		if port.config == nil && err == nil {
			err = errors.New("an alert")
		}
		if (err == nil) != port.ok {
			t.Errorf("%s: %v, want answered=%v", port.what, err, port.ok)
		}
	}
}

func TestPortsOfClientsMayHearBothTLSAndPlain(t *testing.T) {
	t.Parallel()
	ca := certstest.New(t, t.TempDir())
	pair := ca.Issue("node", certstest.ForServers)
	n := openCluster(t, 1, func(c *Config) {
		c.TLS = TLS{Files: certs.Files{Cert: pair.Cert, Key: pair.Key}, Optional: true}
	})[0]
	config := trusting(t, ca.CA, certstest.Pair{})
	for _, config := range []*tls.Config{nil, config} {
		if err := answered(t, n.Addresses().RESP, config, "PING\r\n"); err != nil {
			t.Errorf("RESP by %v: %v", config, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, by := range [][]client.Option{nil, {client.WithTLS(config)}} {
		if _, err := admin0(t, n, by...).Status(ctx); err != nil {
			t.Errorf("gRPC: %v", err)
		}
	}
}

func TestTLSThatCannotWorkIsRefusedAtStart(t *testing.T) {
	ca := certstest.New(t, t.TempDir())
	pair := ca.Issue("node", certstest.ForNodes)
	files := certs.Files{Cert: pair.Cert, Key: pair.Key}
	for _, c := range []struct {
		tls  TLS
		want string
	}{
		{TLS{Files: certs.Files{Cert: pair.Cert + "x", Key: pair.Key}}, pair.Cert + "x"},
		{TLS{Files: files, AuthClients: certs.ClientCertsRequired}, "--tls-ca-cert-file"},
		{TLS{Cluster: files}, "--tls-cluster"},
	} {
		n, err := Open(Config{Dir: t.TempDir(), Listen: anyListen, TLS: c.tls})
		if err == nil {
			closeNode(t, n)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q in it", c.tls, err, c.want)
		}
	}
}
