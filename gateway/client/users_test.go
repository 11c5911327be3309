package client

import (
	"errors"
	"testing"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

func TestTheNewestListOfUsersCounts(t *testing.T) {
	list := func(epoch uint64, name string) *clusterv1.ListUsersResponse {
		return &clusterv1.ListUsersResponse{Epoch: epoch, Users: []*clusterv1.User{{Name: name}}}
	}
	errAway := errors.New("away")
	for what, c := range map[string]struct {
		replies   []*clusterv1.ListUsersResponse
		errs      []error
		want      string
		unanimous bool
	}{
		"the last is newest":     {[]*clusterv1.ListUsersResponse{list(3, "old"), list(3, "old"), list(4, "new")}, make([]error, 3), "new", true},
		"the first is newest":    {[]*clusterv1.ListUsersResponse{list(4, "new"), list(3, "old"), list(3, "old")}, make([]error, 3), "new", true},
		"one does not answer":    {[]*clusterv1.ListUsersResponse{list(3, "old"), nil, list(4, "new")}, []error{nil, errAway, nil}, "new", false},
		"the newest is not here": {[]*clusterv1.ListUsersResponse{list(3, "old"), nil}, []error{nil, errAway}, "old", false},
	} {
		got, err := newestUsers(c.replies, c.errs)
		if err != nil || got.Users[0].GetName() != c.want || got.Unanimous != c.unanimous {
			t.Errorf("%s: %+v, %v, want %s, unanimous %v", what, got, err, c.want, c.unanimous)
		}
	}
	if _, err := newestUsers(make([]*clusterv1.ListUsersResponse, 2), []error{errAway, errAway}); !errors.Is(err, errAway) {
		t.Errorf("nobody answers: %v", err)
	}
}
