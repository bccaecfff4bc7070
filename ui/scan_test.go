package ui

import (
	"strings"
	"testing"
	"time"
)

// TestScanned: at a real terminal a reader that types as a keyboard does, with
// an enter and a newline behind it, gives a share whole or not at all, even at
// the moment in which the page appears; and it does nothing to the next page.
func TestScanned(t *testing.T) {
	t.Parallel()
	const next = "read this aloud"
	x := startConsole(t, "share")
	x.sees("type your share")
	for _, piece := range []string{shareText[:40], shareText[40:], "\r\n"} {
		if _, err := x.far.WriteString(piece); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	dropped := false
	for range 1000 {
		page := x.screen()
		if dropped = strings.Contains(page, "before this page was ready"); dropped || strings.Contains(page, next) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if dropped { // but for a very slow machine
		if page := x.screen(); !strings.Contains(page, "0 of 77") {
			t.Errorf("some of it is taken:\n%s", page)
		}
		time.Sleep(1100 * time.Millisecond)
		x.types(shareText + "\r\n")
	}
	x.sees(next)
	time.Sleep(500 * time.Millisecond)
	if page := x.screen(); !strings.Contains(page, next) {
		t.Errorf("the newline behind it went on to another page:\n%s", page)
	}
	x.types("\r")
	x.sees("The ceremony is over")
	x.types("\r")
	x.ends()
}
