package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"google.golang.org/protobuf/encoding/protojson"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

const usersFile = "users.json"

// Users are the users of the cluster as this node has heard of them last, and at which epoch they were changed. found is false
// where it never has. A node goes by them until it has heard more: it may serve before the meta group has a leader, and must not
// let everybody in meanwhile.
func (f *Folder) Users() (users []meta.User, epoch uint64, found bool, err error) {
	data, err := os.ReadFile(f.path(usersFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, false, nil
	}
	var state storagev1.MetaState
	if err == nil {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, &state)
	}
	if err != nil {
		return nil, 0, false, fmt.Errorf("read the users of the cluster: %w", err)
	}
	for _, u := range state.Users {
		users = append(users, meta.User{Name: u.Name, Rules: u.Rules, ChangedEpoch: u.ChangedEpoch})
	}
	return users, state.UsersEpoch, true, nil
}

// SaveUsers keeps the users of the cluster for the next start.
func (f *Folder) SaveUsers(users []meta.User, epoch uint64) error {
	state := &storagev1.MetaState{UsersEpoch: epoch}
	for _, u := range users {
		state.Users = append(state.Users, &storagev1.MetaUser{Name: u.Name, Rules: u.Rules, ChangedEpoch: u.ChangedEpoch})
	}
	data, err := protojson.Marshal(state)
	if err == nil {
		err = replaceFile(f.path(usersFile), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep the users of the cluster: %w", err)
	}
	return nil
}

// forgetUsers forgets them: the state that they were part of may be lost.
func (f *Folder) forgetUsers() error {
	if err := os.Remove(f.path(usersFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the users of the cluster: %w", err)
	}
	return nil
}
