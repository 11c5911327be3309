package nemesis

// T is what this package needs of the test that it runs in; *testing.T is one.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(func())
}

// Fault is something that goes wrong for a while. Its methods are called in the order in which they stand here, and a
// fault may begin again after its end.
type Fault interface {
	// Name says what goes wrong, for messages.
	Name() string
	// Missing is nil where this machine can do it; otherwise it says what is missing, and how to get it.
	Missing() error
	// Begin makes it go wrong. When it returns, it does.
	Begin() error
	// End heals it. Nobody repairs what it left behind.
	End() error
	// TookEffect is nil if somebody can have noticed the fault. It is asked after the end.
	TookEffect() error
}

// During runs what shall happen while something goes wrong. The test is skipped where the machine cannot do that, and
// fails where the fault had no effect.
func During(t T, f Fault, what func()) {
	t.Helper()
	Need(t, f)
	if err := f.Begin(); err != nil {
		t.Fatalf("%s: begin: %v", f.Name(), err)
	}
	over := false
	defer func() {
		if over {
			return
		}
		if err := f.End(); err != nil { // the test has failed meanwhile; its nodes can end only where disks do not hang
			t.Logf("%s: end: %v", f.Name(), err)
		}
	}()
	what()
	over = true
	if err := f.End(); err != nil {
		t.Fatalf("%s: end: %v", f.Name(), err)
	}
	if err := f.TookEffect(); err != nil {
		t.Fatalf("%s had no effect, so the test shows nothing: %v", f.Name(), err)
	}
}

// Need skips the test where the machine cannot do what a fault is.
func Need(t T, f interface {
	Name() string
	Missing() error
}) {
	t.Helper()
	if err := f.Missing(); err != nil {
		t.Skipf("%s: %v", f.Name(), err)
	}
}
