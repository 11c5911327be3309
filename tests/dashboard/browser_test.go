package dashboard

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a Chromium with one page.
type browser struct {
	t       *testing.T
	to      io.Writer
	session string

	mu      sync.Mutex // protects the fields below
	next    int
	waiting map[int]chan message
	// complaints are errors of the page's scripts, what its policy has kept from being loaded or run, and dialogs.
	complaints []string
}

// message is one of the DevTools protocol: a command, its reply, or an event.
type message struct {
	ID      int             `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// open starts a browser that ends with the test.
func open(t *testing.T, width, height int) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("no chromium here: install Debian's package chromium to have this test run")
	}
	hears, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, says, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", "--disable-extensions",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--password-store=basic", "--ignore-certificate-errors", "--force-color-profile=srgb",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{hears, says} // file descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	_ = hears.Close()
	_ = says.Close()
	b := &browser{t: t, to: to, waiting: map[int]chan message{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.listen(from)
	}()
	t.Cleanup(func() {
		_, _ = b.try("Browser.close", nil)
		gone := time.AfterFunc(deadline, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // it may say that it was killed
		gone.Stop()
		_ = to.Close()
		<-ended
		_ = from.Close()
	})
	var target struct {
		TargetID string `json:"targetId"`
	}
	b.get("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	b.get("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page.enable", "Runtime.enable", "Log.enable"} {
		b.get(domain, nil, nil)
	}
	b.get("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	return b
}

// deadline bounds what is waited for: machines may be slow.
const deadline = 60 * time.Second

// listen hands on what the browser says until it ends.
func (b *browser) listen(from io.Reader) {
	r := bufio.NewReader(from)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			b.mu.Lock()
			for _, reply := range b.waiting {
				close(reply)
			}
			b.waiting = nil
			b.mu.Unlock()
			return
		}
		var m message
		if err := json.Unmarshal(text[:len(text)-1], &m); err != nil {
			continue
		}
		b.mu.Lock()
		if reply := b.waiting[m.ID]; m.ID != 0 && reply != nil {
			delete(b.waiting, m.ID)
			reply <- m
		}
		if m.Method == "Runtime.exceptionThrown" || m.Method == "Page.javascriptDialogOpening" || m.Method == "Log.entryAdded" && strings.Contains(string(text), `"level":"error"`) && !strings.Contains(string(text), "status of 401") {
			b.complaints = append(b.complaints, string(text))
		}
		b.mu.Unlock()
	}
}

// try sends a command and waits for its reply.
func (b *browser) try(method string, params any) (json.RawMessage, error) {
	reply := make(chan message, 1)
	b.mu.Lock()
	if b.waiting == nil {
		b.mu.Unlock()
		return nil, fmt.Errorf("%s: the browser has ended", method)
	}
	b.next++
	m := message{ID: b.next, Method: method, Params: params, Session: b.session}
	b.waiting[m.ID] = reply
	text, err := json.Marshal(m)
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case m, ok := <-reply:
		switch {
		case !ok:
			return nil, fmt.Errorf("%s: the browser has ended", method)
		case m.Error != nil:
			return nil, fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		return m.Result, nil
	case <-time.After(deadline):
		return nil, fmt.Errorf("%s: no answer in %v", method, deadline)
	}
}

// get is try that has to succeed.
func (b *browser) get(method string, params, result any) {
	b.t.Helper()
	text, err := b.try(method, params)
	if err == nil && result != nil {
		err = json.Unmarshal(text, result)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) visit(url string) {
	b.t.Helper()
	b.get("Page.navigate", map[string]any{"url": url}, nil)
}

// eval is the value of an expression in the page.
func (b *browser) eval(expression string, value any) error {
	text, err := b.try("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true})
	if err != nil {
		return err
	}
	var reply struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	if err := json.Unmarshal(text, &reply); err != nil {
		return err
	}
	if reply.Exception != nil {
		return fmt.Errorf("%s: %s %s", expression, reply.Exception.Text, reply.Exception.Exception.Description)
	}
	if len(reply.Result.Value) == 0 {
		return nil // undefined
	}
	return json.Unmarshal(reply.Result.Value, value)
}

// do runs what has to succeed.
func (b *browser) do(script string) {
	b.t.Helper()
	if err := b.eval(script, new(any)); err != nil {
		b.t.Fatal(err)
	}
}

// text is what elements show, one line for each.
func (b *browser) text(selector string) (string, error) {
	var text string
	err := b.eval(fmt.Sprintf("[...document.querySelectorAll(%q)].map((e) => e.innerText).join('\\n')", selector), &text)
	return text, err
}

// shot writes a picture of the page.
func (b *browser) shot(file string, height int) {
	b.t.Helper()
	var picture struct {
		Data string `json:"data"`
	}
	params := map[string]any{"format": "png", "optimizeForSpeed": false}
	var width int
	if err := b.eval("innerWidth", &width); err != nil {
		b.t.Fatal(err)
	}
	params["clip"] = map[string]any{"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
	params["captureBeyondViewport"] = true
	b.get("Page.captureScreenshot", params, &picture)
	data, err := base64.StdEncoding.DecodeString(picture.Data)
	if err == nil {
		err = os.WriteFile(file, data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// wantNoComplaints fails the test where the page has done what it should not.
func (b *browser) wantNoComplaints() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, complaint := range b.complaints {
		b.t.Errorf("the browser complains: %.600s", complaint)
	}
}
