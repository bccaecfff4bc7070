//go:build linux

package memscan

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// Needle is one form of a secret.
type Needle struct {
	Name  string
	bytes []byte
	char  int // bytes a character: 4 for UTF-32
	run   int // characters in a row that count as found; 0: window
}

// Forms returns the forms in which raw could lie in memory: its bytes, and as
// hex in either case, base64 and the given texts (a share's groups, say), in
// bytes and as UTF-32, which is how Go keeps runes. It keeps a copy of raw.
func Forms(name string, raw []byte, texts ...string) []Needle {
	list := []Needle{{Name: name + ", bytes", bytes: bytes.Clone(raw), char: 1}}
	add := func(form, text string) {
		wide := make([]byte, 0, 4*len(text))
		for _, r := range text {
			wide = binary.LittleEndian.AppendUint32(wide, uint32(r)) //nolint:gosec // no rune is negative
		}
		list = append(list,
			Needle{Name: name + ", " + form, bytes: []byte(text), char: 1},
			Needle{Name: name + ", " + form + " as UTF-32", bytes: wide, char: 4})
	}
	add("hex", hex.EncodeToString(raw))
	add("upper-case hex", strings.ToUpper(hex.EncodeToString(raw)))
	add("base64", base64.StdEncoding.EncodeToString(raw))
	for _, t := range texts {
		add("text", t)
		add("text without blanks", strings.Join(strings.Fields(t), ""))
	}
	return list
}

// Run returns the needles with another number of characters in a row that count
// as found: more of them for a secret with few different characters, of which
// 12 are in many a table by chance.
func Run(length int, needles []Needle) []Needle {
	list := slices.Clone(needles)
	for i := range list {
		list[i].run = length
	}
	return list
}

// Find names the needles of which b holds 12 characters in a row.
func Find(b []byte, needles ...Needle) ([]string, error) {
	ix, err := indexOf(needles)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range ix.search(b, len(b)) {
		if !slices.Contains(names, m.name) {
			names = append(names, m.name)
		}
	}
	return names, nil
}

// windows are all runs of so many characters; a shorter needle is one window.
func (n Needle) windows() [][]byte {
	size := cmp.Or(n.run, window) * n.char
	if len(n.bytes) <= size {
		return [][]byte{n.bytes}
	}
	var list [][]byte
	for at := 0; at+size <= len(n.bytes); at += n.char {
		list = append(list, n.bytes[at:at+size])
	}
	return list
}
