package workload

// Stubbornness is what a client gets wrong about redirects. The zero value means "not set".
type Stubbornness uint8

const (
	// IgnoresASK sends a request again to where ASK came from.
	IgnoresASK Stubbornness = iota + 1
	// NeverAsks goes to where ASK has pointed as if it were MOVED, without ASKING.
	NeverAsks
)

// Stubborn is a Follower that gets something wrong.
func Stubborn(addrs []string, s Stubbornness) Client {
	return &overRESP{commander: &follower{addrs: addrs, at: addrs[0], conns: map[string]*Conn{}, stubborn: s}}
}

// Outdated is a Follower that forgets each redirect with its request: the next one goes again to where the slot map says that
// the client began with.
func Outdated(addrs []string, owner func(key string) string) Client {
	return &overRESP{commander: &follower{addrs: addrs, at: addrs[0], conns: map[string]*Conn{}, first: owner}}
}

// AlwaysAsking talks to one node only, and says ASKING before each request though nobody has told it to.
func AlwaysAsking(addr string) Client {
	return &overRESP{commander: &asking{pinned{addr: addr}}}
}

type asking struct{ pinned }

func (a *asking) do(args []string) (reply any, err error) {
	err = a.use(func(conn *Conn) error {
		if err := a.ask(conn); err != nil {
			return err
		}
		reply, err = conn.Do(RequestTimeout, args...)
		return err
	})
	return reply, err
}

func (a *asking) transact(t *transaction) error {
	return a.use(func(conn *Conn) error {
		if err := a.ask(conn); err != nil {
			return err
		}
		return conn.transact(t)
	})
}

// ask is sent before the request, so whatever goes wrong with it changes nothing.
func (a *asking) ask(conn *Conn) error {
	if _, err := conn.Do(RequestTimeout, "ASKING"); err != nil {
		return withheld{err}
	}
	return nil
}
