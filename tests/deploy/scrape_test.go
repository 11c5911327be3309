package deploy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/cluster"
)

// A cluster is created by the job's command, which finds it created at each further start, and its nodes show every metric that the
// dashboard and the rules ask for. They are asked for some things before: a metric of errors shows with the first error.
func TestNodesShowWhatDashboardAndRulesAskForAndAnswerProbes(t *testing.T) {
	c := cluster.New(t, cluster.Options{})
	for _, n := range c.Nodes {
		n.Start()
	}
	job := the(t, render(t, nil, true), "Job", "-init").texts("spec.template.spec.containers.0.args")
	job = append(job, "--addr", c.Nodes[0].Addr.GRPC)
	cluster.Eventually(t, "the job creates the cluster", func() error {
		out, err := run(t, "", nil, holt(t), job...)
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	if out := mustRun(t, holt(t), job...); !strings.Contains(out, "already") {
		t.Errorf("the job's second run says %q", out)
	}
	again := slices.DeleteFunc(slices.Clone(job), func(arg string) bool { return arg == "--if-needed" })
	if out, err := run(t, "", nil, holt(t), again...); err == nil || !strings.Contains(out, "already") {
		t.Errorf("without --if-needed a second run succeeds: %s", out)
	}
	c.WaitReady()
	c.WaitSettled()

	shown := map[string][]string{}
	for _, n := range c.Nodes {
		say(t, n.Addr.RESP, "SET", "SET word v", "INCR word", "SAVE")
		page := get(t, "http://"+n.Addr.HTTP+"/metrics")
		for line := range strings.Lines(page) {
			if m := regexp.MustCompile(`^([a-z0-9_]+)(?:\{(.*)\})? `).FindStringSubmatch(line); m != nil {
				shown[m[1]] = nil
				for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(m[2], -1) {
					shown[m[1]] = append(shown[m[1]], label[1])
				}
			}
		}
		container := the(t, render(t, nil, true), "StatefulSet", "").part("spec.template.spec.containers.0")
		for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
			get(t, "http://"+n.Addr.HTTP+container.text(probe+".httpGet.path"))
		}
	}
	for _, q := range queries(t) {
		for _, fault := range checkQuery(q, shown) {
			t.Errorf("%s: %s: %s", q.where, q.expr, fault)
		}
	}
}

// get is a page that is there.
func get(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: cluster.Deadline, Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	page, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, reply.Status, err, page)
	}
	return string(page)
}

// say gives a node commands as a person would type them, and waits for the last reply.
func say(t *testing.T, addr string, commands ...string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(cluster.Deadline)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%s\r\nQUIT\r\n", strings.Join(commands, "\r\n")); err != nil {
		t.Fatal(err)
	}
	replies, err := io.ReadAll(conn) // QUIT ends the connection
	if err != nil || strings.Count(string(replies), "\r\n") != len(commands)+1 {
		t.Fatalf("%q: %q, %v", commands, replies, err)
	}
}
