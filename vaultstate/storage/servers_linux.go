package storage

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lookFor is how long an address has to answer.
const lookFor = time.Second

// Servers looks for a server that uses this storage, and says in a sentence
// each what it found. None is no proof that none runs: nothing answered at the
// addresses, and no process that could be seen has files open there. unseen is
// the number of processes of other users that could not be looked into.
func (s *Store) Servers(ctx context.Context, addresses []string) (found []string, unseen int, err error) {
	for _, a := range addresses {
		if text := answers(ctx, a); text != "" {
			found = append(found, text)
		}
	}
	users, unseen, err := s.fs.Users(s.root)
	if err != nil {
		return nil, 0, err
	}
	return append(found, users...), unseen, nil
}

// answers says what answers at an address, "" if nothing does. Whatever takes
// the connection counts, but a load balancer that says there is nobody behind.
func answers(ctx context.Context, address string) string {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		u = &url.URL{Scheme: "http", Host: address}
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), map[string]string{"https": "443"}[u.Scheme])
		if u.Scheme != "https" {
			u.Host = net.JoinHostPort(u.Hostname(), "80")
		}
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return ""
	}
	_ = c.Close()
	sealed, status := sealStatus(ctx, u.Scheme+"://"+u.Host)
	switch {
	case sealed:
		return "A server answers at " + u.Host + "."
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return ""
	}
	return "Something answers at " + u.Host + ", an address of this server."
}

// sealStatus asks whether a Vault or an OpenBao is there. Nothing secret is
// sent and nothing is believed but that somebody answers, so the certificate is
// not looked at.
func sealStatus(ctx context.Context, base string) (is bool, status int) {
	client := &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			Proxy:             nil,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, // #nosec G402 -- see above
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v1/sys/seal-status", nil)
	if err != nil {
		return false, 0
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, 0
	}
	defer func() { _ = resp.Body.Close() }()
	var body struct {
		Sealed *bool `json:"sealed"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&body)
	return err == nil && body.Sealed != nil, resp.StatusCode
}

// processes looks through proc for users of a directory: whoever has a file
// open below it, and servers (by name, or with the argument "server") that run
// in it or name it. A shell that stands in it or an editor is no server. This
// process and those above it are left out.
func processes(proc, root string) (found []string, unseen int, err error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, 0, fmt.Errorf("looking for servers: %w", err)
	}
	ours := ancestors(proc, os.Getpid())
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || slices.Contains(ours, pid) {
			continue
		}
		dir := filepath.Join(proc, e.Name())
		text, err := uses(dir, root)
		// Between fork and exec a child of ours has our files, and may be gone when
		// it is asked whose child it is.
		for end := time.Now().Add(lookFor); text != "" && time.Now().Before(end) && passes(proc, pid); {
			time.Sleep(time.Millisecond)
			text, err = uses(dir, root)
		}
		switch {
		case errors.Is(err, os.ErrPermission):
			unseen++
		case text != "":
			found = append(found, fmt.Sprintf("Process %d (%s) %s.", pid, command(dir), text))
		}
	}
	return found, unseen, nil
}

// passes tells whether a process is a child of ours, or has ended.
func passes(proc string, pid int) bool {
	if slices.Contains(ancestors(proc, pid), os.Getpid()) {
		return true
	}
	_, err := os.Stat(filepath.Join(proc, strconv.Itoa(pid)))
	return errors.Is(err, os.ErrNotExist)
}

func uses(dir, root string) (string, error) {
	below := func(name string) bool { return name == root || strings.HasPrefix(name, root+"/") }
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err == nil && len(fds) == 0 {
		return "", nil // a thread of the kernel, as most are, or one that has ended: not worth two more looks
	}
	if server(dir) {
		if cwd, err := os.Readlink(filepath.Join(dir, "cwd")); err == nil && below(cwd) {
			return "runs in the storage directory", nil
		}
		if slices.ContainsFunc(arguments(dir), func(a string) bool { return strings.Contains(a, root) }) {
			return "names the storage directory", nil
		}
	}
	if err != nil {
		return "", err // gone, or not ours to see
	}
	for _, fd := range fds {
		if name, err := os.Readlink(filepath.Join(dir, "fd", fd.Name())); err == nil && below(name) {
			return "has " + strconv.Quote(name) + " open", nil
		}
	}
	return "", nil
}

func server(dir string) bool {
	args := arguments(dir)
	return slices.Contains([]string{"bao", "openbao", "vault"}, command(dir)) || slices.Contains(args, "server")
}

func arguments(dir string) []string {
	b, err := os.ReadFile(filepath.Join(dir, "cmdline")) // #nosec G304 -- below /proc
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
}

// command is a process's name in printable letters.
func command(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, "comm")) // #nosec G304 -- below /proc
	if err != nil {
		return "?"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b))
}

// ancestors is a process and those above it.
func ancestors(proc string, pid int) []int {
	var list []int
	for pid > 0 && !slices.Contains(list, pid) {
		list = append(list, pid)
		b, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat")) // #nosec G304 -- below /proc
		if err != nil {
			break
		}
		// The second field is the name in brackets and may hold anything.
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(fields) < 2 {
			break
		}
		if pid, err = strconv.Atoi(fields[1]); err != nil {
			break
		}
	}
	return list
}
