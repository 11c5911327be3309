package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/holtcache/holt/gateway/certs"
)

func TestTLSFlagsSayTogetherWhichPortsAreSecure(t *testing.T) {
	own, other := certs.Files{Cert: "c", Key: "k", CA: "a"}, certs.Files{Cert: "cc", Key: "ck", CA: "ca"}
	const pair = "--tls-cert-file=c --tls-key-file=k "
	const nodes = "--tls-cluster-cert-file=cc --tls-cluster-key-file=ck "
	for _, c := range []struct {
		args           string
		files, between certs.Files
		want           string // part of the error, "" where there is none
	}{
		{"", certs.Files{}, certs.Files{}, ""},
		{pair, certs.Files{Cert: "c", Key: "k"}, certs.Files{}, ""},
		{pair + "--tls-ca-cert-file=a", own, own, ""},
		{pair + "--tls-ca-cert-file=a --tls-cluster=no", own, certs.Files{}, ""},
		{pair + "--tls-ca-cert-file=a --tls-cluster=yes --tls-cluster-name=n", own, own, ""},
		{pair + nodes + "--tls-cluster-ca-cert-file=ca", certs.Files{Cert: "c", Key: "k"}, other, ""},
		{nodes + "--tls-cluster-ca-cert-file=ca", certs.Files{}, other, ""},
		{pair + "--tls-cluster=yes", certs.Files{}, certs.Files{}, "--tls-cluster"},
		{nodes, certs.Files{}, certs.Files{}, "--tls-cluster"},
		{nodes + "--tls-cluster-ca-cert-file=ca --tls-cluster=no", certs.Files{}, certs.Files{}, "--tls-cluster=no"},
		{"--tls-cluster=maybe", certs.Files{}, certs.Files{}, "--tls-cluster=maybe"},
		{"--tls-cert-file=c", certs.Files{}, certs.Files{}, "belong together"},
		{"--tls-cluster-key-file=c", certs.Files{}, certs.Files{}, "belong together"},
		{pair + "--tls-auth-clients=always", certs.Files{}, certs.Files{}, "--tls-auth-clients=always"},
		{"--tls-auth-clients=yes", certs.Files{}, certs.Files{}, "--tls-cert-file"},
		{"--tls-optional", certs.Files{}, certs.Files{}, "--tls-cert-file"},
	} {
		var flags tlsFlags
		set := pflag.NewFlagSet("test", pflag.ContinueOnError)
		flags.flags(set)
		if err := set.Parse(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		got, err := flags.settled()
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q in it", c.args, err, c.want)
			}
			continue
		}
		if err != nil || got.Files != c.files || got.Cluster != c.between {
			t.Errorf("%s: %+v and %+v, %v; want %+v and %+v", c.args, got.Files, got.Cluster, err, c.files, c.between)
		}
	}
}
