package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

const (
	configFlag = "config"
	// envPrefix is what the names of environment variables begin with; the rest is the flag's in capitals, - as _.
	envPrefix = "HOLT_"
)

// withConfig lets a command's flags be given by a file and by the environment, too. A flag on the command line counts most, then
// the environment, then the file.
func withConfig(c *cobra.Command) *cobra.Command {
	c.Flags().String(configFlag, "", "YAML file with flags by their names, such as 'maxmemory: 2gb'; HOLT_MAXMEMORY in the environment counts more, a flag here most")
	c.PreRunE = func(c *cobra.Command, _ []string) error { return readConfig(c.Flags(), os.LookupEnv) }
	return c
}

func readConfig(flags *pflag.FlagSet, env func(string) (string, bool)) error {
	if err := readEnv(flags, env); err != nil {
		return err
	}
	path, err := flags.GetString(configFlag)
	if err != nil || path == "" {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--%s: %w", configFlag, err)
	}
	if err := readFile(flags, data); err != nil {
		return fmt.Errorf("--%s: %s: %w", configFlag, path, err)
	}
	return nil
}

// readEnv sets the flags that are not on the command line. Variables that name no flag are left alone: Kubernetes tells of a
// service named holt by variables that begin alike.
func readEnv(flags *pflag.FlagSet, env func(string) (string, bool)) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		text, set := env(name)
		if !set || f.Changed {
			return
		}
		if err := flags.Set(f.Name, text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	})
	return errors.Join(errs...)
}

// readFile sets the flags that nothing before has set.
func readFile(flags *pflag.FlagSet, data []byte) error {
	var file map[string]yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		return err
	}
	names := make([]string, 0, len(file))
	for name := range file {
		names = append(names, name)
	}
	slices.Sort(names) // so that of several mistakes the same is told each time
	for _, name := range names {
		value := file[name]
		f := flags.Lookup(name)
		if f == nil || name == configFlag || name == "help" {
			return fmt.Errorf("line %d: %q is no flag of this command", value.Line, name)
		}
		text, err := flagText(f, value)
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", value.Line, name, err)
		}
		if f.Changed {
			continue
		}
		if err := flags.Set(name, text); err != nil {
			return fmt.Errorf("line %d: %w", value.Line, err)
		}
	}
	return nil
}

// flagText is a value as it would stand on the command line.
func flagText(f *pflag.Flag, value yaml.Node) (string, error) {
	switch value.Kind {
	case yaml.ScalarNode:
		if value.Tag == "!!null" {
			return "", errors.New("it has no value; leave the line out")
		}
		return value.Value, nil
	case yaml.SequenceNode:
		if !strings.HasSuffix(f.Value.Type(), "Slice") {
			return "", errors.New("it takes one value, not a list")
		}
		var list []string
		if err := value.Decode(&list); err != nil {
			return "", err
		}
		return strings.Join(list, ","), nil
	}
	return "", errors.New("it takes a value, or a list of them")
}
