package client

import (
	"testing"

	"go.uber.org/goleak"
)

// The examples run against a node of this process. memberlist ends a probe that was under way within one probe interval after its
// shutdown, and offers no way to wait.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probe"),
		goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).triggerFunc"))
}
