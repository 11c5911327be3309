package respserver

import (
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// trackMode says which reads are tracked.
type trackMode uint8

const (
	trackAll    trackMode = iota // every read
	trackOptIn                   // those after CLIENT CACHING YES
	trackOptOut                  // all but those after CLIENT CACHING NO
)

// caching is what CLIENT CACHING said of the next command.
type caching uint8

const (
	cachingNotSet caching = iota
	cachingYes
	cachingNo
)

// trackState is CLIENT TRACKING of one connection. The connection's goroutine owns it.
type trackState struct {
	tracker *tracker // nil while tracking is off
	mode    trackMode
	noLoop  bool
	caching caching
}

var (
	errTrackResp2  = apierr.New(apierr.KindUnsupported, "invalidations need RESP3: send HELLO 3 first; REDIRECT to another connection is not supported")
	errTrackModes  = apierr.New(apierr.KindInvalid, "You can't use both OPTIN and OPTOUT")
	errTrackSwitch = apierr.New(apierr.KindInvalid, "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.")
	errCachingOff  = apierr.New(apierr.KindInvalid, "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
	errCachingYes  = apierr.New(apierr.KindInvalid, "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
	errCachingNo   = apierr.New(apierr.KindInvalid, "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
)

func (c *conn) clientTracking(args [][]byte) resp.Value {
	mode, noLoop, err := parseTracking(args[3:])
	switch {
	case err != nil:
		return errorReply(err)
	case word(args[2], "OFF"):
		c.stopTracking()
		return resp.OK()
	case !word(args[2], "ON"):
		return errorReply(errSyntax)
	case c.proxied:
		return errProxied("CLIENT TRACKING", "connect to the nodes with a client for clusters")
	case c.proto < 3:
		return errorReply(errTrackResp2)
	case c.track.tracker != nil && mode != c.track.mode:
		return errorReply(errTrackSwitch)
	case c.track.tracker == nil:
		c.startTracking()
	}
	c.track.mode, c.track.noLoop = mode, noLoop
	return resp.OK()
}

func parseTracking(options [][]byte) (mode trackMode, noLoop bool, err *apierr.Error) {
	for _, option := range options {
		switch {
		case word(option, "OPTIN") && mode != trackOptOut:
			mode = trackOptIn
		case word(option, "OPTOUT") && mode != trackOptIn:
			mode = trackOptOut
		case word(option, "OPTIN"), word(option, "OPTOUT"):
			return 0, false, errTrackModes
		case word(option, "NOLOOP"):
			noLoop = true
		case word(option, "BCAST"), word(option, "PREFIX"), word(option, "REDIRECT"):
			return 0, false, apierr.New(apierr.KindUnsupported, "CLIENT TRACKING %s is not supported; use OPTIN, OPTOUT or neither, over RESP3", clip(option))
		default:
			return 0, false, errSyntax
		}
	}
	return mode, noLoop, nil
}

// startTracking begins to track keys for the connection.
func (c *conn) startTracking() {
	c.startPushing()
	c.out.mu.Lock()
	c.out.tracks = true
	c.out.mu.Unlock()
	c.track = trackState{tracker: &tracker{out: &c.out, own: map[string]ownWrite{}}}
	c.server.tracking.enter(c.track.tracker)
	c.show(shownTracking, true)
}

// stopTracking ends tracking. No invalidation is written any more.
func (c *conn) stopTracking() {
	if c.track.tracker == nil {
		return
	}
	c.server.tracking.leave(c.track.tracker)
	c.out.mu.Lock()
	c.out.tracks, c.out.pushes, c.out.all = false, nil, false
	c.out.mu.Unlock()
	c.track = trackState{}
	c.show(shownTracking, false)
}

// register tracks the keys of a read, before it is evaluated.
func (c *conn) register(keys [][]byte) {
	t := &c.track
	if t.tracker == nil || t.mode == trackOptIn && t.caching != cachingYes || t.mode == trackOptOut && t.caching == cachingNo {
		return
	}
	for _, key := range keys {
		c.server.tracking.register(t.tracker, key)
	}
}

func (c *conn) clientCaching(args [][]byte) resp.Value {
	yes, no := word(args[2], "YES"), word(args[2], "NO")
	switch {
	case c.track.tracker == nil || c.track.mode == trackAll:
		return errorReply(errCachingOff)
	case yes && c.track.mode != trackOptIn:
		return errorReply(errCachingYes)
	case no && c.track.mode != trackOptOut:
		return errorReply(errCachingNo)
	case yes:
		c.track.caching = cachingYes
	case no:
		c.track.caching = cachingNo
	default:
		return errorReply(errSyntax)
	}
	return resp.OK()
}

// clientGetRedir answers -1 without tracking and 0 with it: nothing is redirected.
func (c *conn) clientGetRedir([][]byte) resp.Value {
	if c.track.tracker == nil {
		return resp.Int(-1)
	}
	return resp.Int(0)
}

func (c *conn) clientTrackingInfo(args [][]byte) resp.Value {
	flags := []resp.Value{}
	add := func(on bool, flag string) {
		if on {
			flags = append(flags, resp.BulkString(flag))
		}
	}
	t := &c.track
	add(t.tracker == nil, "off")
	add(t.tracker != nil, "on")
	add(t.mode == trackOptIn, "optin")
	add(t.mode == trackOptOut, "optout")
	add(t.caching == cachingYes, "caching-yes")
	add(t.caching == cachingNo, "caching-no")
	add(t.noLoop, "noloop")
	return resp.Map(
		resp.BulkString("flags"), resp.Set(flags...),
		resp.BulkString("redirect"), c.clientGetRedir(args),
		resp.BulkString("prefixes"), resp.Array(),
	)
}
