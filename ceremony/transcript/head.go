package transcript

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"conclave/assets/words"
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
// digits or 32 words, in groups or not, in any case. The Head has no count.
func ParseHead(s string) (Head, error) {
	fields := fields(s)
	b, err := hex.DecodeString(strings.ToLower(strings.Join(fields, "")))
	if err != nil && len(fields) > 1 {
		if b, err = words.Bytes(fields); err != nil {
			return Head{}, fmt.Errorf("reading the words of a head: %w", err)
		}
	}
	var h Head
	if err != nil || len(b) != len(h.SHA256) {
		return Head{}, errors.New("reading a head: it is 64 hexadecimal digits, or its 32 words")
	}
	copy(h.SHA256[:], b)
	return h, nil
}

// Receipt is what a person takes home after their last act: the head as it was
// then, cut to eight bytes, so that it fits a card as eight words. It pins all
// events up to its own with the strength of 64 bits.
type Receipt struct {
	Event uint64
	Sum   [8]byte
}

// Receipt is the one for this head.
func (h Head) Receipt() Receipt { return Receipt{Event: h.Count, Sum: [8]byte(h.SHA256[:8])} }

// Words are the eight words.
func (r Receipt) Words() []string { return words.Words(r.Sum[:]) }

// String is as ParseReceipt reads it: the event's number, a colon, the words.
func (r Receipt) String() string { return fmt.Sprintf("%d:%s", r.Event, strings.Join(r.Words(), " ")) }

// ParseReceipt reads a receipt as somebody wrote it down: the event's number, a
// colon, and eight words or sixteen hexadecimal digits.
func ParseReceipt(s string) (Receipt, error) {
	n, sum, ok := strings.Cut(s, ":")
	r := Receipt{}
	var err error
	if r.Event, err = strconv.ParseUint(strings.TrimSpace(n), 10, 53); err != nil || !ok || r.Event == 0 {
		return Receipt{}, errors.New("reading a receipt: it is the number of an event, a colon and eight words")
	}
	fields := fields(sum)
	b, err := hex.DecodeString(strings.ToLower(strings.Join(fields, "")))
	if err != nil {
		b, err = words.Bytes(fields)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("reading the words of a receipt: %w", err)
	}
	if len(b) != len(r.Sum) {
		return Receipt{}, errors.New("reading a receipt: it has eight words after the colon")
	}
	r.Sum = [8]byte(b)
	return r, nil
}

// fields are the parts of what somebody typed.
func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == ',' })
}

// Row is four bytes of a head as people read them aloud and write them down.
type Row struct {
	Letter string // A to H
	Hex    string // "8C1F 22AB"
	Words  []string
}

// Rows are the eight rows of a head.
func (h Head) Rows() []Row {
	var rows []Row
	for i := 0; i < len(h.SHA256); i += 4 {
		b := h.SHA256[i : i+4]
		rows = append(rows, Row{Letter: string(rune('A' + i/4)), Hex: fmt.Sprintf("%X %X", b[:2], b[2:]), Words: words.Words(b)})
	}
	return rows
}

// Text is what head.txt holds: the count, the hash, and the hash in rows as the
// screen shows them at the end.
func (h Head) Text(practice bool) []byte {
	var b strings.Builder
	if practice {
		b.WriteString(practiceMark + "\n")
	}
	fmt.Fprintf(&b, "events %d\nsha256 %s\n", h.Count, h)
	for _, r := range h.Rows() {
		fmt.Fprintf(&b, "%s  %s  %s\n", r.Letter, r.Hex, strings.Join(r.Words, " "))
	}
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
