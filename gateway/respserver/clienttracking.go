package respserver

import (
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// trackMode says which reads are tracked.
type trackMode uint8

const (
	trackAll       trackMode = iota // every read
	trackOptIn                      // those after CLIENT CACHING YES
	trackOptOut                     // all but those after CLIENT CACHING NO
	trackBroadcast                  // none: every change of keys with certain prefixes is told
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
	errTrackResp2     = apierr.New(apierr.KindUnsupported, "invalidations need RESP3: send HELLO 3 first, or REDIRECT them to another connection")
	errTrackModes     = apierr.New(apierr.KindInvalid, "You can't specify both OPTIN mode and OPTOUT mode")
	errTrackSwitch    = apierr.New(apierr.KindInvalid, "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.")
	errTrackPrefix    = apierr.New(apierr.KindInvalid, "PREFIX option requires BCAST mode to be enabled")
	errTrackBroadcast = apierr.New(apierr.KindInvalid, "OPTIN and OPTOUT are not compatible with BCAST")
	errTrackSwitchAll = apierr.New(apierr.KindInvalid, "You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.")
	errCachingOff     = apierr.New(apierr.KindInvalid, "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
	errCachingYes     = apierr.New(apierr.KindInvalid, "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
	errCachingNo      = apierr.New(apierr.KindInvalid, "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
)

func (c *conn) clientTracking(args [][]byte) resp.Value {
	o, err := c.server.parseTracking(args[3:])
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
	}
	mode, err := o.mode(&c.track)
	if err != nil {
		return errorReply(err)
	}
	var told prefixes
	if mode == trackBroadcast {
		if told, err = c.track.prefixes().with(o.prefixes); err != nil {
			return errorReply(err)
		}
	}
	if c.proto < 3 && o.redirect == nil {
		return errorReply(errTrackResp2)
	}
	if c.track.tracker == nil {
		c.startTracking()
	}
	if mode == trackBroadcast {
		c.server.tracking.broadcast(c.track.tracker, told)
	}
	c.redirectTo(o.redirect)
	c.track.mode, c.track.noLoop = mode, o.noLoop
	c.show(shownBroadcast, mode == trackBroadcast)
	return resp.OK()
}

// prefixes are those of the connection, nil where it is not in BCAST mode.
func (t *trackState) prefixes() prefixes {
	if t.tracker == nil || !t.tracker.broadcasts() {
		return nil
	}
	return *t.tracker.prefixes.Load()
}

// trackOptions are the options of CLIENT TRACKING.
type trackOptions struct {
	broadcast, optIn, optOut, noLoop bool
	prefixes                         [][]byte
	redirect                         *conn // nil: none
}

func (s *Server) parseTracking(options [][]byte) (o trackOptions, err *apierr.Error) {
	for i := 0; i < len(options); i++ {
		switch option := options[i]; {
		case word(option, "BCAST"):
			o.broadcast = true
		case word(option, "OPTIN"):
			o.optIn = true
		case word(option, "OPTOUT"):
			o.optOut = true
		case word(option, "NOLOOP"):
			o.noLoop = true
		case word(option, "PREFIX") && i+1 < len(options):
			i++
			o.prefixes = append(o.prefixes, options[i])
		case word(option, "REDIRECT") && i+1 < len(options):
			i++
			if o.redirect != nil {
				return o, errRedirectTwice
			}
			if o.redirect, err = s.redirectTarget(options[i]); err != nil {
				return o, err
			}
		default:
			return o, errSyntax
		}
	}
	return o, nil
}

// mode is the mode that the options ask for, of a connection that is in a state (Redis, networking.c, clientCommand).
func (o *trackOptions) mode(t *trackState) (trackMode, *apierr.Error) {
	on := t.tracker != nil
	switch {
	case !o.broadcast && len(o.prefixes) > 0:
		return 0, errTrackPrefix
	case on && o.broadcast != (t.mode == trackBroadcast):
		return 0, errTrackSwitchAll
	case o.broadcast && (o.optIn || o.optOut):
		return 0, errTrackBroadcast
	case o.optIn && o.optOut:
		return 0, errTrackModes
	case on && (o.optIn && t.mode == trackOptOut || o.optOut && t.mode == trackOptIn):
		return 0, errTrackSwitch
	case o.broadcast:
		return trackBroadcast, nil
	case o.optIn:
		return trackOptIn, nil
	case o.optOut:
		return trackOptOut, nil
	}
	return trackAll, nil
}

// startTracking begins to track keys for the connection.
func (c *conn) startTracking() {
	c.startPushing()
	c.out.mu.Lock()
	c.out.tracks = true
	c.out.mu.Unlock()
	c.track = trackState{tracker: &tracker{out: &c.out, from: c, own: map[string]ownWrite{}}}
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
	if c.out.tracks = false; !c.out.redirected {
		c.out.pushes, c.out.allProto = nil, 0
	}
	c.out.mu.Unlock()
	c.track = trackState{}
	c.show(shownTracking|shownBroadcast|shownBrokenRedirect, false)
	c.shownRedirect.Store(noRedirect)
}

// register tracks the keys of a read, before it is evaluated.
func (c *conn) register(keys [][]byte) {
	t := &c.track
	if t.tracker == nil || t.mode == trackBroadcast || t.mode == trackOptIn && t.caching != cachingYes || t.mode == trackOptOut && t.caching == cachingNo {
		return
	}
	for _, key := range keys {
		c.server.tracking.register(t.tracker, key)
	}
}

func (c *conn) clientCaching(args [][]byte) resp.Value {
	yes, no := word(args[2], "YES"), word(args[2], "NO")
	switch {
	case c.track.tracker == nil:
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

// noRedirect is shown of a connection that does not track; 0 of one that gets its invalidations itself.
const noRedirect = -1

func (c *conn) clientGetRedir([][]byte) resp.Value { return resp.Int(c.shownRedirect.Load()) }

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
	add(t.mode == trackBroadcast, "bcast")
	add(t.mode == trackOptIn, "optin")
	add(t.caching == cachingYes, "caching-yes")
	add(t.mode == trackOptOut, "optout")
	add(t.caching == cachingNo, "caching-no")
	add(t.noLoop, "noloop")
	add(c.shown.Load()&shownBrokenRedirect != 0, "broken_redirect")
	told := []resp.Value{}
	for _, prefix := range t.prefixes() {
		told = append(told, resp.BulkString(prefix))
	}
	return resp.Map(
		resp.BulkString("flags"), resp.Set(flags...),
		resp.BulkString("redirect"), c.clientGetRedir(args),
		resp.BulkString("prefixes"), resp.Array(told...),
	)
}
