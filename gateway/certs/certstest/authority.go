// Package certstest gives out certificates to tests.
package certstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// T is what the package needs of the test that it runs in.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Authority signs certificates.
type Authority struct {
	t    T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	// CA is the file with its own certificate.
	CA string
}

// Pair names the files of a certificate and its key.
type Pair struct{ Cert, Key string }

// Use is what a certificate may be used for.
type Use []x509.ExtKeyUsage

// What certificates are for: those of nodes are shown by servers and by clients.
var (
	ForNodes   = Use{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	ForServers = Use{x509.ExtKeyUsageServerAuth}
	ForClients = Use{x509.ExtKeyUsageClientAuth}
)

// New makes an authority whose files go into a folder.
func New(t T, dir string) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: dir, CA: filepath.Join(dir, "ca.crt")}
	a.key = a.newKey()
	template := a.template("test authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	a.must(err)
	a.cert, err = x509.ParseCertificate(der)
	a.must(err)
	a.write(a.CA, "CERTIFICATE", der)
	return a
}

// Issue makes a certificate for DNS names, or replaces that of the same file name. It is good for loopback too.
func (a *Authority) Issue(name string, use Use, dns ...string) Pair {
	a.t.Helper()
	key := a.newKey()
	template := a.template(name)
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, use
	template.DNSNames, template.IPAddresses = append(dns, "localhost"), []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	a.must(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	p := Pair{Cert: filepath.Join(a.dir, name+".crt"), Key: filepath.Join(a.dir, name+".key")}
	a.write(p.Cert, "CERTIFICATE", der)
	a.write(p.Key, "PRIVATE KEY", private)
	return p
}

func (a *Authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	return key
}

func (a *Authority) template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	a.must(err)
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

func (a *Authority) write(path, kind string, der []byte) {
	a.must(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func (a *Authority) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatalf("test certificates: %v", err)
	}
}
