package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// edit replaces the one occurrence of old in a file of the module.
type edit struct{ file, old, new string }

// writeOverlay writes the changed files and the list of them that the compiler reads.
func writeOverlay(dir, root string, edits []edit) (path string, err error) {
	changed := map[string]string{}
	for _, e := range edits {
		if _, ok := changed[e.file]; !ok {
			source, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return "", err
			}
			changed[e.file] = string(source)
		}
		if n := strings.Count(changed[e.file], e.old); n != 1 {
			return "", fmt.Errorf("%s: %d places hold %q, want one", e.file, n, e.old)
		}
		changed[e.file] = strings.Replace(changed[e.file], e.old, e.new, 1)
	}
	replace := map[string]string{}
	for file, source := range changed {
		path := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = path
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, data, 0o600)
}

// moduleRoot is the folder of go.mod, from the working folder upwards.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above the working folder")
		}
	}
}
