package nemesis

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// writerFile in the environment makes this program one that writes to a file, line by line, and syncs each.
const writerFile = "HOLT_NEMESIS_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerFile); path != "" {
		if err := writeLines(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(worker) != "" {
		if err := work(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(networkMaker) != "" {
		if err := leaveNetwork(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if addr := os.Getenv(echoAddr); addr != "" {
		fmt.Fprintln(os.Stderr, serveEcho(addr))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// writeLines writes a line for each that it is given, and says what became of the sync. First it says when the machine
// has booted.
func writeLines(path string) error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	fmt.Print(string(boot))
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if _, err := file.Write(append(lines.Bytes(), '\n')); err != nil {
			return err
		}
		fmt.Println(unix.Fdatasync(int(file.Fd())))
	}
	return lines.Err()
}

// writer is such a program.
type writer struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	boot string
}

func startWriter(t *testing.T, under []string, path string) *writer {
	t.Helper()
	args := append(append([]string{}, under...), os.Args[0])
	w := &writer{t: t, cmd: exec.Command(args[0], args[1:]...)}
	w.cmd.Env = append(os.Environ(), writerFile+"="+path)
	w.cmd.Stderr = os.Stderr
	var err error
	w.in, err = w.cmd.StdinPipe()
	must(t, err)
	out, err := w.cmd.StdoutPipe()
	must(t, err)
	w.out = bufio.NewReader(out)
	must(t, w.cmd.Start())
	t.Cleanup(w.kill)
	w.boot = w.answer()
	return w
}

func (w *writer) kill() {
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait()
}

// ask has a line written and synced.
func (w *writer) ask(line string) {
	w.t.Helper()
	_, err := io.WriteString(w.in, line+"\n")
	must(w.t, err)
}

// answer is what became of a line.
func (w *writer) answer() string {
	w.t.Helper()
	line, err := w.out.ReadString('\n')
	must(w.t, err)
	return strings.TrimSpace(line)
}

func (w *writer) write(line string) string {
	w.t.Helper()
	w.ask(line)
	return w.answer()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}
