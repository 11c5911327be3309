package main

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

// scenarios are runs that once showed something wrong, each named after what it was.
//
//go:embed scenarios/*.json
var scenarios embed.FS

func scenarioNames() []string {
	entries, err := scenarios.ReadDir("scenarios")
	if err != nil {
		return nil // there is the folder: it is in the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

func readScenario(name string) (Options, error) {
	data, err := scenarios.ReadFile(path.Join("scenarios", name+".json"))
	if err != nil {
		return Options{}, fmt.Errorf("scenario %q: use one of %s", name, strings.Join(scenarioNames(), ", "))
	}
	return parseOptions(name, data)
}
