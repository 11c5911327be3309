package respserver

import (
	"log/slog"
	"time"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/proxy"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
)

// Config is what a server is made of.
type Config struct {
	Router *router.Router
	Table  *command.Table
	// Protocol bounds commands on the wire; the zero value means the defaults of package resp.
	Protocol resp.Limits
	Limits   Limits
	// Proxy reaches the other nodes for a server that redirects no client; nil: clients are redirected.
	Proxy *proxy.Pool
	// Relay takes what clients here publish to the other nodes; nil where there are none.
	Relay Relay
	// Access decides who may run what; nil means that the default user may do everything.
	Access *acl.Registry
	// Users changes users; nil where none can be changed.
	Users UserKeeper
	// Protected tells that clients from elsewhere are refused while the default user needs no password; nil: they are not.
	Protected func() bool
	// Info supplies what INFO tells beyond the server's own counts. It must not block; nil means that nothing is known.
	Info func() InfoFacts
	// Slabs supplies what MEMORY tells beyond that; nil means that nothing is known.
	Slabs func() SlabFacts
	// Purge gives memory that nothing is in back to the machine (MEMORY PURGE); nil does nothing.
	Purge func()
	// Defaults are the ack and read mode that a connection begins with: the cluster's settings of that moment. nil stands
	// for AckMajority and ReadLease.
	Defaults func() (router.Ack, router.ReadMode)
	// Settings are what CONFIG GET and SET reach beyond the fixed ones; nil means none.
	Settings Settings
	// Operator changes the cluster for CLUSTER commands; nil where none can be changed.
	Operator Operator
	// Saver is what SAVE and BGSAVE ask; nil where nothing can be saved.
	Saver Saver
	// EnableDebug lets clients use DEBUG; SetActiveExpiry is what DEBUG SET-ACTIVE-EXPIRE switches, nil where nothing can be.
	EnableDebug     bool
	SetActiveExpiry func(on bool)
	// Shutdown begins to end the node and returns at once; nil where clients cannot.
	Shutdown func()
	// Loading tells that the node is loading its data, so that only commands that need none are answered; nil means that it
	// never is.
	Loading func() bool
	Logger  *slog.Logger
}

// Relay takes messages of channels to the other nodes.
type Relay interface {
	// Publish queues a message for all of them. It does not block, and the bytes are the caller's again when it returns.
	Publish(channel, payload []byte)
	// Lost is how many messages were lost on their way, or may have been.
	Lost() uint64
}

// Limits bounds what connections hold. Each has a default for its zero value.
type Limits struct {
	// ClientsMax is how many connections are served at a time. Default 10,000, as in Redis.
	ClientsMax int
	// PipelineMax is how many commands of one connection run in one round. Default 512: enough to fill a batch of the
	// executor, few enough that the replies of a round stay small.
	PipelineMax int
	// OutputBufferBytesMax bounds the replies of one round that are not written yet, and so the largest reply.
	// Default 128 MiB: a round of 512 replies of 256 KiB, or 16 of the largest values.
	OutputBufferBytesMax int
	// ClientsBytesMax bounds what all connections hold together: commands that are not whole yet, and replies that wait for
	// others. Default 1 GiB: sixteen of the largest commands, where one connection is let have 64 MiB.
	ClientsBytesMax int
	// UnauthenticatedOutputMax bounds them before AUTH. Default 1 KiB (CVE-2025-21605).
	UnauthenticatedOutputMax int
	// PushBytesMax bounds invalidations that are not written yet; beyond it they become one that covers all keys.
	// Default 256 KiB.
	PushBytesMax int
	// MessageBytesMax and MessageBytesSoft bound the messages of channels that wait to be written to one client: a connection with
	// more than the first is closed at once, one with more than the second after MessageSoftMax. Defaults 32 MiB, 8 MiB and
	// 60 s, those of client-output-buffer-limit pubsub in Redis.
	MessageBytesMax, MessageBytesSoft int
	MessageSoftMax                    time.Duration
	// TrackingBytesMax bounds the table of tracked keys of all connections; beyond it keys are invalidated to make
	// room. Default 64 MiB, some 300,000 keys.
	TrackingBytesMax int
	// TransactionBytesMax bounds the arguments queued by MULTI. Default 16 MiB: two of the largest values; they travel
	// as one log entry.
	TransactionBytesMax int
	// TransactionCommandsMax bounds the commands queued by MULTI. Default 16,384: the executor evaluates them in one go,
	// and nobody else meanwhile.
	TransactionCommandsMax int
	// WatchedKeysMax bounds the keys that one connection watches. Default 4,096.
	WatchedKeysMax int
	// IdleTimeout closes connections that send nothing; 0 means never, as in Redis.
	IdleTimeout time.Duration
	// CommandDeadline closes connections whose command has begun and does not end. Default 30 s: 8 MiB at 300 KB/s.
	CommandDeadline time.Duration
	// AuthDeadline closes connections that have not authenticated. Default 30 s; without a password it does not apply.
	AuthDeadline time.Duration
	// WriteDeadline closes connections that take no byte of a reply for so long. Default 10 s.
	WriteDeadline time.Duration
	// CloseMax bounds how long Close waits for commands in flight. Default 2 s: longer than router.CommitMax.
	CloseMax time.Duration
}

func (l Limits) withDefaults() Limits {
	set(&l.ClientsMax, 10000)
	set(&l.PipelineMax, 512)
	set(&l.OutputBufferBytesMax, 128<<20)
	set(&l.ClientsBytesMax, 1<<30)
	set(&l.UnauthenticatedOutputMax, 1<<10)
	set(&l.PushBytesMax, 256<<10)
	set(&l.MessageBytesMax, 32<<20)
	set(&l.MessageBytesSoft, 8<<20)
	set(&l.MessageSoftMax, time.Minute)
	set(&l.TrackingBytesMax, 64<<20)
	set(&l.TransactionBytesMax, 16<<20)
	set(&l.TransactionCommandsMax, 16384)
	set(&l.WatchedKeysMax, 4096)
	set(&l.CommandDeadline, 30*time.Second)
	set(&l.AuthDeadline, 30*time.Second)
	set(&l.WriteDeadline, 10*time.Second)
	set(&l.CloseMax, 2*time.Second)
	return l
}

// set fills a limit that is not set.
func set[T int | time.Duration](limit *T, def T) {
	if *limit <= 0 {
		*limit = def
	}
}
