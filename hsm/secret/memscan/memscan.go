//go:build linux

// Package memscan looks for secrets in the memory of a running process from
// outside, as root can: through /proc/PID/mem.
//
// It promises to read every readable range of the process and to count what it
// read and what the kernel refused (memfd_secret pages, for one); to find any 12
// characters in a row of a secret, in every form that Forms makes; and Plant
// puts a canary into the process, so that each scan can show that it would have
// found something.
//
// It does not promise to see what other processes keep: the terminal, the
// kernel's queues, the disk. Nor does it see a copy that was there a moment ago:
// the process is read while it waits for a person.
package memscan

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// window is how many characters in a row count as found. Fewer would be found
// by chance in a hundred megabytes.
const window = 12

// Report is what one scan saw.
type Report struct {
	PID         int
	Bytes       int64    // read and searched
	Ranges      int      // mappings that could be read, in whole or in part
	Unread      []string // mappings marked readable that the kernel refused
	UnreadBytes int64
	Hits        []Hit
}

// Hit is one needle in one place; windows that overlap are one hit.
type Hit struct {
	Needle  string
	Address int64
	Mapping string
}

func (r Report) String() string {
	s := fmt.Sprintf("process %d: %d bytes in %d ranges searched, %d bytes in %d ranges could not be read",
		r.PID, r.Bytes, r.Ranges, r.UnreadBytes, len(r.Unread))
	for i, h := range r.Hits {
		if i == 20 {
			return s + fmt.Sprintf("\n  and %d more", len(r.Hits)-i)
		}
		s += fmt.Sprintf("\n  %s at %#x in %s", h.Needle, h.Address, h.Mapping)
	}
	return s
}

// Found counts the hits of needles whose name begins with name.
func (r Report) Found(name string) int {
	n := 0
	for _, h := range r.Hits {
		if strings.HasPrefix(h.Needle, name) {
			n++
		}
	}
	return n
}

type mapping struct {
	from, to int64
	name     string
}

// mappings lists the readable mappings of a process.
func mappings(pid int) ([]mapping, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, fmt.Errorf("reading the mappings: %w", err)
	}
	var list []mapping
	for sc := bufio.NewScanner(bytes.NewReader(raw)); sc.Scan(); {
		line := sc.Text()
		var m mapping
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &m.from, &m.to, &mode); err != nil || mode[0] != 'r' {
			continue // vsyscall lies above what an int64 holds, and holds no data
		}
		m.name = "anonymous memory"
		if f := strings.Fields(line); len(f) > 5 {
			m.name = strings.Join(f[5:], " ")
		}
		list = append(list, m)
	}
	return list, nil
}

// Scan reads the memory of process pid and looks for the needles.
func Scan(pid int, needles ...Needle) (Report, error) {
	r := Report{PID: pid}
	maps, err := mappings(pid)
	if err != nil {
		return r, err
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return r, fmt.Errorf("opening the memory: %w", err)
	}
	defer func() { _ = mem.Close() }()
	ix, err := indexOf(needles)
	if err != nil {
		return r, err
	}
	const step = 1 << 20
	buf := make([]byte, step+ix.longest)
	for _, m := range maps {
		read, err := int64(0), error(nil)
		for at := m.from; at < m.to; at += step {
			var n int
			n, err = mem.ReadAt(buf[:min(int64(len(buf)), m.to-at)], at)
			read += int64(min(n, step))
			for _, h := range ix.search(buf[:n], min(n, step)) {
				r.add(Hit{Needle: h.name, Address: at + int64(h.at), Mapping: m.name})
			}
			if err != nil {
				break
			}
		}
		r.Bytes += read
		if read > 0 {
			r.Ranges++
		}
		if err != nil && !errors.Is(err, io.EOF) {
			r.Unread = append(r.Unread, m.name)
			r.UnreadBytes += m.to - m.from - read
		}
	}
	return r, nil
}

// add leaves out a hit that overlaps with the one before it.
func (r *Report) add(h Hit) {
	for i := len(r.Hits) - 1; i >= 0 && r.Hits[i].Mapping == h.Mapping; i-- {
		if o := r.Hits[i]; o.Needle == h.Needle && h.Address-o.Address < overlap {
			return
		}
	}
	r.Hits = append(r.Hits, h)
}

// overlap is longer than any needle here: a hit within it of the same needle is
// taken for another window of the same copy.
const overlap = 512

// Plant writes b into the process, at the low end of its main thread's stack,
// which nothing has used yet, and returns a function that takes it out again.
func Plant(pid int, b []byte) (remove func() error, err error) {
	maps, err := mappings(pid)
	if err != nil {
		return nil, err
	}
	for _, m := range maps {
		if m.name != "[stack]" {
			continue
		}
		mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
		if err != nil {
			return nil, fmt.Errorf("opening the memory for writing: %w", err)
		}
		was := make([]byte, len(b))
		if _, err := mem.ReadAt(was, m.from); err != nil || len(bytes.Trim(was, "\x00")) != 0 {
			return nil, errors.Join(fmt.Errorf("the low end of the stack is in use"), err, mem.Close())
		}
		if _, err := mem.WriteAt(b, m.from); err != nil {
			return nil, errors.Join(fmt.Errorf("planting the canary: %w", err), mem.Close())
		}
		return func() error {
			_, err := mem.WriteAt(was, m.from)
			return errors.Join(err, mem.Close())
		}, nil
	}
	return nil, fmt.Errorf("process %d has no stack that is marked as one", pid)
}

// index finds windows quickly: by their first two bytes, then by their first four.
type index struct {
	first   [1 << 16 / 8]byte
	windows map[uint32][]pattern
	longest int
}

type pattern struct {
	name  string
	bytes []byte
}

func indexOf(needles []Needle) (*index, error) {
	ix := &index{windows: map[uint32][]pattern{}}
	for _, n := range needles {
		for _, w := range n.windows() {
			if len(bytes.Trim(w, string(w[:1]))) == 0 {
				return nil, fmt.Errorf("%s is one byte repeated (wiped?): it would be found everywhere", n.Name)
			}
			two := binary.LittleEndian.Uint16(w)
			ix.first[two/8] |= 1 << (two % 8)
			four := binary.LittleEndian.Uint32(w)
			ix.windows[four] = append(ix.windows[four], pattern{n.Name, w})
			ix.longest = max(ix.longest, len(w))
		}
	}
	return ix, nil
}

type match struct {
	name string
	at   int
}

// search finds the windows that begin in the first limit bytes of b.
func (ix *index) search(b []byte, limit int) []match {
	var found []match
	for i := 0; i < limit && i+4 <= len(b); i++ {
		two := binary.LittleEndian.Uint16(b[i:])
		if ix.first[two/8]&(1<<(two%8)) == 0 {
			continue
		}
		for _, p := range ix.windows[binary.LittleEndian.Uint32(b[i:])] {
			if bytes.HasPrefix(b[i:], p.bytes) {
				found = append(found, match{p.name, i})
			}
		}
	}
	return found
}
