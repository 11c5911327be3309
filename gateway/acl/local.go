package acl

import "net/netip"

// IsLocal tells whether the address of a client is one of this machine, which protected mode lets in. What is no address with a port is
// not.
func IsLocal(addr string) bool {
	at, err := netip.ParseAddrPort(addr)
	return err == nil && at.Addr().Unmap().IsLoopback()
}
