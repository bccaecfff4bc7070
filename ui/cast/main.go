// Command cast runs a program in a pseudo-terminal and records what it draws as an
// asciicast, version 2 (docs.asciinema.org/manual/asciicast/v2): a line of JSON about
// the recording, then one a piece of output, [seconds, "o", text].
//
//	go run ./ui/cast -out FILE [-size 100x30] [-idle 2s] PROGRAM [ARGUMENT...]
//
// Waits that are longer than -idle are cut to it. The program gets no input.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
)

func main() {
	out := flag.String("out", "", "the recording")
	size := flag.String("size", "100x30", "of the terminal")
	idle := flag.Duration("idle", 2*time.Second, "the longest wait")
	title := flag.String("title", "", "of the recording")
	flag.Parse()
	var w, h uint16
	if _, err := fmt.Sscanf(*size, "%dx%d", &w, &h); err != nil || *out == "" || flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	cast, err := record(exec.CommandContext(context.Background(), flag.Arg(0), flag.Args()[1:]...), w, h, *idle, *title) // #nosec G204 -- what the caller names
	if err == nil {
		err = os.WriteFile(filepath.Clean(*out), cast, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cast:", err)
		os.Exit(1)
	}
}

// record runs cmd to its end.
func record(cmd *exec.Cmd, w, h uint16, idle time.Duration, title string) ([]byte, error) {
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	far, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: w, Rows: h})
	if err != nil {
		return nil, err
	}
	defer func() { _ = far.Close() }()
	var cast bytes.Buffer
	enc := json.NewEncoder(&cast)
	enc.SetEscapeHTML(false)
	head := map[string]any{"version": 2, "width": w, "height": h, "title": title, "env": map[string]string{"TERM": "xterm-256color"}}
	if err := enc.Encode(head); err != nil {
		return nil, err
	}
	buf := make([]byte, 64<<10)
	rest := 0 // of a character that was cut
	at, last := time.Duration(0), time.Now()
	for {
		n, err := far.Read(buf[rest:])
		now := time.Now()
		at, last = at+min(now.Sub(last), idle), now
		whole := rest + n
		for cut := whole; cut > 0 && whole-cut < utf8.UTFMax; cut-- {
			if utf8.RuneStart(buf[cut-1]) {
				if !utf8.FullRune(buf[cut-1 : whole]) {
					whole = cut - 1
				}
				break
			}
		}
		if whole > 0 {
			if err := enc.Encode([]any{float64(at.Milliseconds()) / 1000, "o", string(buf[:whole])}); err != nil {
				return nil, err
			}
		}
		rest = copy(buf, buf[whole:rest+n])
		// A terminal whose program has ended gives EIO.
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return cast.Bytes(), cmd.Wait()
}
