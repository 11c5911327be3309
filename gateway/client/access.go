package client

import (
	"context"
	"crypto/tls"
	"encoding/base64"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Option says how a node is reached: by TLS, and as whom.
type Option func(*access)

// access is what options say.
type access struct {
	tls        *tls.Config
	user       string
	password   string
	identified bool
}

// WithTLS reaches nodes by TLS.
func WithTLS(config *tls.Config) Option { return func(a *access) { a.tls = config } }

// WithUser makes every call one of a user. Without TLS whoever listens on the way reads the password.
func WithUser(name, password string) Option {
	return func(a *access) { a.user, a.password, a.identified = name, password, true }
}

func accessOf(options []Option) access {
	var a access
	for _, option := range options {
		option(&a)
	}
	return a
}

// dialOptions is what grpc-go has to know of the access.
func (a access) dialOptions() []grpc.DialOption {
	transport := insecure.NewCredentials()
	if a.tls != nil {
		transport = credentials.NewTLS(a.tls)
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(transport)}
	if a.identified {
		token := "Basic " + base64.StdEncoding.EncodeToString([]byte(a.user+":"+a.password))
		options = append(options, grpc.WithPerRPCCredentials(userToken(token)))
	}
	return options
}

// userToken is the metadata by which a server knows the user of a call.
type userToken string

var _ credentials.PerRPCCredentials = userToken("")

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (t userToken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": string(t)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials. Whether there is TLS is for the operator to decide, as
// with AUTH.
func (userToken) RequireTransportSecurity() bool { return false }
