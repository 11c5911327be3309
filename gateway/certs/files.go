package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// Files names what a Store reads, in PEM. Cert and Key belong together; a client may have neither.
type Files struct {
	// Cert is the certificate that is shown to the other end, with those between it and its root behind it.
	Cert string
	// Key is its private key.
	Key string
	// CA are the roots that certificates of the other end are judged by.
	CA string
}

// contents are what the files held at one moment.
type contents struct{ cert, key, ca []byte }

func (c contents) equal(other contents) bool {
	return bytes.Equal(c.cert, other.cert) && bytes.Equal(c.key, other.key) && bytes.Equal(c.ca, other.ca)
}

// material is what contents mean.
type material struct {
	// cert is nil where Files names none.
	cert *tls.Certificate
	// roots is nil where Files names none.
	roots *x509.CertPool
}

// fileBytesMax bounds a file: a system's whole list of roots takes a quarter of that.
const fileBytesMax = 1 << 20

func (f Files) read() (contents, error) {
	var c contents
	for _, one := range []struct {
		path string
		into *[]byte
	}{{f.Cert, &c.cert}, {f.Key, &c.key}, {f.CA, &c.ca}} {
		if one.path == "" {
			continue
		}
		info, err := os.Stat(one.path)
		if err != nil {
			return c, err
		}
		if info.Size() > fileBytesMax {
			return c, fmt.Errorf("%s has %d bytes, more than the %d that certificates and keys ever take", one.path, info.Size(), fileBytesMax)
		}
		if *one.into, err = os.ReadFile(one.path); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (f Files) parse(c contents) (material, error) {
	var m material
	if f.Cert != "" {
		pair, err := tls.X509KeyPair(c.cert, c.key)
		if err != nil {
			return m, fmt.Errorf("certificate %s with key %s: %w", f.Cert, f.Key, err)
		}
		m.cert = &pair
	}
	if f.CA != "" {
		m.roots = x509.NewCertPool()
		if !m.roots.AppendCertsFromPEM(c.ca) {
			return m, fmt.Errorf("%s holds no certificate in PEM", f.CA)
		}
	}
	return m, nil
}
