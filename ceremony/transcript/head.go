package transcript

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Head names a transcript: how many events it has and the SHA-256 of its last
// line with the newline. Since every line holds the hash of the one before, it
// pins them all.
type Head struct {
	Count  uint64
	SHA256 [sha256.Size]byte
}

// String is the hash in hex, as `tail -n1 transcript.jsonl | sha256sum` gives it.
func (h Head) String() string { return hex.EncodeToString(h.SHA256[:]) }

// ParseHead reads the hash of a head as somebody wrote it down: 64 hexadecimal
// digits, in groups or not. The Head has no count.
func ParseHead(s string) (Head, error) {
	var h Head
	b, err := hex.DecodeString(strings.ToLower(strings.Join(strings.Fields(s), "")))
	if err != nil || len(b) != len(h.SHA256) {
		return Head{}, errHead
	}
	copy(h.SHA256[:], b)
	return h, nil
}

var errHead = errors.New("a head is 64 hexadecimal digits, or its 32 words")

// Text is what head.txt holds.
func (h Head) Text(practice bool) []byte {
	var b strings.Builder
	if practice {
		b.WriteString(practiceMark + "\n")
	}
	fmt.Fprintf(&b, "events %d\nsha256 %s\n", h.Count, h)
	return []byte(b.String())
}

// ParseHeadText reads what Text wrote, exactly.
func ParseHeadText(b []byte) (h Head, practice bool, err error) {
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch name {
		case practiceMark:
			practice = true
		case "events":
			h.Count, err = strconv.ParseUint(value, 10, 63)
		case "sha256":
			var parsed Head
			parsed, err = ParseHead(value)
			h.SHA256 = parsed.SHA256
		}
		if err != nil {
			return Head{}, false, fmt.Errorf("reading a head: %w", err)
		}
	}
	if !bytes.Equal(h.Text(practice), b) {
		return Head{}, false, errors.New("reading a head: it is not written as Conclave writes it")
	}
	return h, practice, nil
}
