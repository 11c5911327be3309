package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/holtcache/holt/gateway/node"
)

// upstreamFlags are the flags about how a gateway reaches nodes.
type upstreamFlags struct {
	tls  string
	name string
	reach
}

func (u *upstreamFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&u.tls, "tls-nodes", "", "whether nodes are reached by TLS: yes or no; by default yes where there is --tls-cert-file or --tls-ca-cert-file. They are shown the certificate where they ask for one")
	f.StringVar(&u.name, "tls-nodes-name", "", "DNS name that the certificates of all nodes carry; empty: each carries the host of its address")
	f.StringVar(&u.user, "user", "", "user to be where the gateway asks nodes for slots and users; his password is in "+passwordVariable+" or --password-file, and without a user it is that of 'default'")
	f.StringVar(&u.passwordFile, "password-file", "", "file whose first line is the password")
}

// settled is what the flags say together with those about the ports of clients.
func (u *upstreamFlags) settled(own node.TLS) (node.NodesTLS, error) {
	n := node.NodesTLS{Files: own.Files, Name: u.name}
	switch u.tls {
	case "":
		n.Use = own.Cert != "" || own.CA != "" || u.name != ""
	case "yes", "no":
		n.Use = u.tls == "yes"
	default:
		return n, fmt.Errorf("--tls-nodes=%s: use yes or no", u.tls)
	}
	if !n.Use && u.name != "" {
		return n, fmt.Errorf("--tls-nodes-name is about TLS with nodes: leave out --tls-nodes=no")
	}
	return n, nil
}

// who is who the gateway is to nodes.
func (u *upstreamFlags) who() (user, password string, err error) {
	password, known, err := u.password()
	switch {
	case err != nil:
		return "", "", err
	case !known && u.user != "":
		return "", "", fmt.Errorf("--user=%s: put the password into %s or a file for --password-file", u.user, passwordVariable)
	case known && u.user == "":
		return "default", password, nil
	}
	return u.user, password, nil
}
