package qr

import (
	"strings"
	"testing"

	"rsc.io/qr/coding"

	"conclave/hsm/secret"
)

// TestEncode compares each module with the code that rsc.io/qr makes of a
// string.
func TestEncode(t *testing.T) {
	for _, text := range []string{"798114Z20CB50F02E950G91FE71E1BA749A4190850903C08K3FEFC7Z8F600EF7F911FW357601C",
		strings.Repeat("0123AZ", 12) + "9XY", "", "A", "0 $%*+-./:"} {
		s := secret.Take([]byte(text))
		cells, err := Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := coding.NewPlan(version, level, 0)
		if err != nil {
			t.Fatal(err)
		}
		want, err := plan.Encode(coding.Alpha(text))
		if err != nil {
			t.Fatal(err)
		}
		for y := range 2 * Rows {
			for x := range Columns {
				got := cells.Expose()[y/2*Columns+x]&(1<<(y%2)) != 0
				if got != want.Black(x-margin, y-margin) {
					t.Fatalf("%q: the module at %d, %d is dark: %v", text, x-margin, y-margin, got)
				}
			}
		}
		cells.Wipe()
		s.Wipe()
	}
}

func TestRefuses(t *testing.T) {
	for text, want := range map[string]error{strings.Repeat("A", 78): errLong, "abc": errCharacter, "A\x00": errCharacter, "É": errCharacter} {
		s := secret.Take([]byte(text))
		if cells, err := Encode(s); err != want || cells.Len() != 0 { //nolint:errorlint // returned as it is
			t.Errorf("%q: %v", text, err)
		}
		s.Wipe()
	}
}
