// Package dashboard looks at the dashboard of a real cluster in a real browser.
//
// Chromium runs without a window and is told what to do over two pipes, in the words of the DevTools protocol. Where it is not
// installed the tests are skipped.
package dashboard
