package host

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/shard/logstore"
)

// newNodeAdvice ends the errors of a folder that cannot be used as it is.
const newNodeAdvice = "put it back from a copy, or empty the folder to start as a new node"

// load opens what is in the folder and counts the start. The version is looked at before any file is opened for writing.
func (f *Folder) load() error {
	identity, err := f.readIdentity()
	if err != nil {
		return err
	}
	fresh := identity == nil
	if !fresh && !exists(f.path("stable.db")) {
		return fmt.Errorf("%s is missing from the folder of a node that may have voted: without it the node could vote twice; %s", f.path("stable.db"), newNodeAdvice)
	}
	if f.Stable, err = logstore.OpenStable(f.path("stable.db"), f.Fatal); err != nil {
		return err
	}
	if fresh {
		if identity, err = f.newIdentity(); err != nil {
			return err
		}
	}
	if err := f.checkLogStore(fresh); err != nil {
		return err
	}
	f.fresh = fresh
	if fresh { // a log of another node is to be found before the folder is called ours
		if err := f.OpenLogs(context.Background()); err != nil {
			return err
		}
	}
	identity.StartCount++
	return f.save(identity)
}

// readIdentity is what identity.json says, nil where there is none.
func (f *Folder) readIdentity() (*storagev1.Identity, error) {
	path := f.path("identity.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	identity := &storagev1.Identity{}
	err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, identity) // a newer program may say more
	switch {
	case err == nil && identity.FormatVersion > folderVersion:
		return nil, fmt.Errorf("data folder %s has format version %d, this program reads up to %d: run the newer program", f.Dir, identity.FormatVersion, folderVersion)
	case err == nil && (identity.FormatVersion == 0 || len(identity.NodeId) != 2*idBytes):
		err = errors.New("it names no format version, or no node id")
	}
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; %s", path, err, newNodeAdvice)
	}
	return identity, nil
}

// newIdentity makes a new node of a folder that holds nothing of an old one.
func (f *Folder) newIdentity() (*storagev1.Identity, error) {
	_, belonged, err := f.Stable.GetMark(settingsMark)
	if err != nil {
		return nil, err
	}
	if belonged || exists(f.path(metaFolder)) || exists(f.path(shardsFolder)) {
		return nil, f.errNoIdentity()
	}
	id := make([]byte, idBytes)
	if _, err := rand.Read(id); err != nil {
		return nil, fmt.Errorf("make a random id: %w", err)
	}
	return &storagev1.Identity{FormatVersion: folderVersion, NodeId: hex.EncodeToString(id), CreatedMs: time.Now().UnixMilli()}, nil
}

func (f *Folder) errNoIdentity() error {
	return fmt.Errorf("%s is missing from a folder that holds the data of a node: under a new id it would be another node's data; %s", f.path("identity.json"), newNodeAdvice)
}

// idBytes is the length of a node id, which is written in hexadecimal: the form that Redis Cluster clients expect.
const idBytes = 20

// save makes an identity the folder's.
func (f *Folder) save(identity *storagev1.Identity) error {
	data, err := protojson.MarshalOptions{Multiline: true}.Marshal(identity)
	if err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	if err := replaceFile(f.path("identity.json"), append(data, '\n')); err != nil {
		return fmt.Errorf("write identity: %w; see that the disk has room and the folder is writable for this user", err)
	}
	f.identity.Store(identity)
	return nil
}

// NodeID is the node's id: random, made with the folder.
func (f *Folder) NodeID() string { return f.identity.Load().NodeId }

// ClusterID is the cluster that the node belongs to, "" before it belongs to one.
func (f *Folder) ClusterID() string { return f.identity.Load().ClusterId }

// StartCount is how often the node has been started, this time included.
func (f *Folder) StartCount() uint64 { return f.identity.Load().StartCount }

// HashSeed is the seed of the hash by which the stores of the cluster place keys; 0 where it has none.
func (f *Folder) HashSeed() uint64 { return f.identity.Load().HashSeed }

// SetHashSeed keeps the cluster's seed. Replicas that are opened from then on have it.
func (f *Folder) SetHashSeed(seed uint64) error {
	if f.HashSeed() == seed {
		return nil
	}
	identity := proto.CloneOf(f.identity.Load())
	identity.HashSeed = seed
	return f.save(identity)
}

// newHashSeed draws the seed of a new cluster. 0 would mean that it has none.
func newHashSeed() (uint64, error) {
	for {
		var seed [8]byte
		if _, err := rand.Read(seed[:]); err != nil {
			return 0, fmt.Errorf("make a random hash seed: %w", err)
		}
		if n := binary.LittleEndian.Uint64(seed[:]); n != 0 {
			return n, nil
		}
	}
}

// Belong makes the node one of a cluster, for good. found tells that this node founds it, and so draws its hash seed and begins
// the meta group; any other node never begins it, whatever an earlier attempt that was cut short has left behind.
func (f *Folder) Belong(clusterID string, settings *storagev1.MetaSettings, found bool) error {
	switch old := f.ClusterID(); {
	case old == clusterID:
		return nil
	case old != "":
		return fmt.Errorf("data folder %s belongs to cluster %s, not to %s: use another folder, or empty this one to start as a new node", f.Dir, old, clusterID)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(settings)
	if err != nil {
		return err
	}
	if err := f.Stable.SetMark(settingsMark, data); err != nil {
		return err
	}
	mark := &storagev1.GroupMark{Phase: storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPED}
	if found {
		mark.Phase, mark.InitialMembers = storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPING, []string{f.NodeID()}
	}
	if err := f.setMark(metaFolder, mark); err != nil {
		return err
	}
	identity := proto.CloneOf(f.identity.Load())
	identity.ClusterId = clusterID
	if found {
		if identity.HashSeed, err = newHashSeed(); err != nil {
			return err
		}
	}
	return f.save(identity)
}
