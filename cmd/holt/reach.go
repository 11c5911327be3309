package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/holtcache/holt/gateway/certs"
	"github.com/holtcache/holt/gateway/client"
)

// passwordVariable is where the password of --user is read from, so that it is in no list of processes.
const passwordVariable = "HOLT_PASSWORD"

// reach says which node operators' commands go to, and how. Its names are those of redis-cli.
type reach struct {
	addr         string
	secure       bool
	files        certs.Files
	serverName   string
	user         string
	passwordFile string
}

func (r *reach) flags(f *pflag.FlagSet) {
	f.StringVar(&r.addr, "addr", "127.0.0.1:6380", "gRPC address of any node")
	f.BoolVar(&r.secure, "tls", false, "reach it by TLS; --cacert and --cert say so too")
	f.StringVar(&r.files.CA, "cacert", "", "file with the authority by which the node's certificate is judged; empty takes the system's")
	f.StringVar(&r.files.Cert, "cert", "", "file with a certificate to show, where the node asks for one")
	f.StringVar(&r.files.Key, "key", "", "file with its private key")
	f.StringVar(&r.serverName, "sni", "", "name that the node's certificate carries, where it is not the host of --addr")
	f.StringVar(&r.user, "user", "", "user to be; his password is in "+passwordVariable+" or --password-file, and without a user it is that of 'default'")
	f.StringVar(&r.passwordFile, "password-file", "", "file whose first line is the password")
}

// dial prepares a connection to the node.
func (r *reach) dial() (*client.Admin, error) {
	var options []client.Option
	if r.secure || r.files != (certs.Files{}) {
		store, err := certs.Open(r.files, nil)
		if err != nil {
			return nil, err
		}
		options = append(options, client.WithTLS(store.Client(r.addr, r.serverName)))
	}
	password, known, err := r.password()
	switch {
	case err != nil:
		return nil, err
	case known && r.user == "":
		options = append(options, client.WithUser("default", password))
	case known:
		options = append(options, client.WithUser(r.user, password))
	case r.user != "":
		return nil, fmt.Errorf("--user=%s: put the password into %s or a file for --password-file", r.user, passwordVariable)
	}
	return client.DialAdmin(r.addr, options...)
}

func (r *reach) password() (password string, known bool, err error) {
	if r.passwordFile == "" {
		password, known = os.LookupEnv(passwordVariable)
		return password, known, nil
	}
	data, err := os.ReadFile(r.passwordFile)
	if err != nil {
		return "", false, fmt.Errorf("--password-file: %w", err)
	}
	password, _, _ = strings.Cut(string(data), "\n")
	return strings.TrimSuffix(password, "\r"), true, nil
}
