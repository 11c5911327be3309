package nemesis

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// openTunnel makes a network interface in a namespace whose packets are read from a file, and written to it.
func openTunnel(namespace, name string) (*os.File, error) {
	fd := -1
	err := make(chan error)
	go func() {
		err <- inNamespace(namespace, func() (err error) {
			fd, err = openTun(name)
			return err
		})
	}()
	if err := <-err; err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func openTun(name string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// inNamespace does something in another network namespace. The thread comes back: one that ended would take the processes
// with it that it has started (PR_SET_PDEATHSIG). Only one that cannot come back ends.
func inNamespace(namespace string, do func() error) error {
	runtime.LockOSThread()
	away := false
	defer func() {
		if !away {
			runtime.UnlockOSThread()
		}
	}()
	here, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err != nil {
		return err
	}
	defer here.Close()
	there, err := os.Open(namespacePath(namespace))
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	away = true
	err = do()
	if back := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, fmt.Errorf("come back from a namespace: %w", back))
	}
	away = false
	return err
}
