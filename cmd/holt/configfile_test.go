package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// given is a command with flags of each kind, parsed from its parts.
func given(t *testing.T, args []string, env map[string]string, file string) (*cobra.Command, error) {
	t.Helper()
	c := &cobra.Command{}
	c.Flags().String("dir", "default", "")
	c.Flags().String("max-value", "default", "")
	c.Flags().Int("maxclients", 1, "")
	c.Flags().Bool("pprof", false, "")
	c.Flags().StringSlice("join", nil, "")
	withConfig(c)
	if file != "" {
		path := filepath.Join(t.TempDir(), "holt.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	if err := c.Flags().Parse(args); err != nil {
		t.Fatal(err)
	}
	return c, readConfig(c.Flags(), func(name string) (string, bool) { text, ok := env[name]; return text, ok })
}

func TestCommandLineCountsMoreThanTheEnvironmentAndThatMoreThanTheFile(t *testing.T) {
	const file = "dir: file\nmax-value: file\nmaxclients: 3\npprof: true\njoin: [a:1, 'b:2']\n"
	c, err := given(t, []string{"--dir", "line"}, map[string]string{"HOLT_DIR": "env", "HOLT_MAX_VALUE": "env", "HOLT_PORT": "tcp://10.0.0.1:80"}, file)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"dir": "line", "max-value": "env", "maxclients": "3", "pprof": "true", "join": "[a:1,b:2]"} {
		if got := c.Flags().Lookup(name).Value.String(); got != want {
			t.Errorf("--%s is %q, want %q", name, got, want)
		}
	}
	c, err = given(t, nil, map[string]string{"HOLT_JOIN": "a:1,b:2"}, "join: c:3\n")
	if got := c.Flags().Lookup("join").Value.String(); err != nil || got != "[a:1,b:2]" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestMistakesOfAConfigurationAreNamed(t *testing.T) {
	for _, c := range []struct {
		file string
		env  map[string]string
		want string
	}{
		{file: "maxmemroy: 1gb\n", want: `"maxmemroy" is no flag`},
		{file: "dir: a\nmaxclients: many\n", want: "line 2"},
		{file: "config: other.yaml\n", want: "is no flag"},
		{file: "dir: [a, b]\n", want: "not a list"},
		{file: "dir: {a: b}\n", want: "takes a value"},
		{file: "dir:\n", want: "no value"},
		{file: "dir: a\ndir: b\n", want: "already defined"},
		{file: "- dir\n", want: "cannot unmarshal"},
		{file: "dir: a\n\tb", want: "line 2"},
		{env: map[string]string{"HOLT_MAXCLIENTS": "x"}, want: "HOLT_MAXCLIENTS"},
		{env: map[string]string{"HOLT_CONFIG": "/nowhere/holt.yaml"}, want: "/nowhere/holt.yaml"},
	} {
		if _, err := given(t, nil, c.env, c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %v: %v, want %q", c.file, c.env, err, c.want)
		}
	}
}

func TestServerTakesItsFlagsFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holt.yaml")
	if err := os.WriteFile(path, []byte("dir: /proc/holt\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := serverCommand()
	c.SetArgs([]string{"--config", path})
	c.SilenceErrors, c.SilenceUsage = true, true
	if err := c.Execute(); err == nil || !strings.Contains(err.Error(), "data folder /proc/holt") {
		t.Errorf("err %v, want that of the folder", err)
	}
}
