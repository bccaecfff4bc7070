package ui

import (
	"encoding/hex"
	"fmt"
	"strings"

	"conclave/assets/words"
)

// A SHA-256 is drawn as eight rows of four bytes: letter, hex, four words of
// the PGP word list, whose even and odd words let a swapped or dropped one be
// heard. One row is one breath.
const hashRows = 8

// static is a hash that nobody goes through row by row.
const static = -1

// hash draws the rows. Those before at are agreed, the one at it is read now;
// at static the rows stand in pairs.
func (a area) hash(digest string, at int) []string {
	digest = strings.ToUpper(digest)
	raw, err := hex.DecodeString(digest)
	if err != nil || len(raw) != 4*hashRows {
		return a.para(digest)
	}
	var out []string
	for i := range hashRows {
		row := digest[8*i : 8*i+8]
		pair := row[:4] + " " + row[4:]
		gaps := [3]int{5, 13, 13}
		if a.wide {
			pair = strings.Join(strings.Split(row[:4], ""), " ") + "   " + strings.Join(strings.Split(row[4:], ""), " ")
			gaps = [3]int{7, 15, 15}
		}
		text := fmt.Sprintf("%-*c%s    ", gaps[0], 'A'+i, pair)
		if a.wide {
			text += "  "
		}
		for _, w := range words.Words(raw[4*i : 4*i+4]) {
			text += fill(w, gaps[1], "")
		}
		text = strings.TrimRight(text, " ")
		m := markNone
		st := a.look.Styles.Text
		switch {
		case at == static:
		case i < at:
			m, st = markGood, a.look.Styles.Aside
		case i == at:
			m, st = markNow, a.look.Styles.Heading
		}
		out = append(out, sign(a.look, m)+" "+st.Render(text))
		if at != static || i%2 == 1 {
			out = append(out, "")
		}
		if a.wide && i%2 == 1 && at != static {
			out = append(out, "")
		}
	}
	if !a.wide {
		out = out[:len(out)-1]
	}
	return out
}
