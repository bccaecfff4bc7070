package words_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"conclave/assets/words"
)

// The first is the example that goes round with the list; the rest are rows of
// hashes as a ceremony shows them.
var published = []struct{ hex, words string }{
	{"E58294F2E9A227486E8B061B31CC528FD7FA3F19",
		"topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa " +
			"afflict bravado chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless"},
	{"742AE33A", "indoors chambermaid tissue corrosion"},
	{"CBA8FCCA", "spheroid paramount wayside revenue"},
	{"B9B73ED8", "sentence processor concert stupendous"},
	{"9F617AEC", "quota frequency keyboard unicorn"},
	{"098B6F3C", "Algol Medusa gremlin crossover"},
	{"FB5D34C6", "watchword filament choking responsive"},
	{"E1011451", "tempest adviser baboon enchanting"},
	{"34A548EB", "choking paperweight deadbolt underfoot"},
}

func TestPublished(t *testing.T) {
	for _, p := range published {
		b, err := hex.DecodeString(p.hex)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(words.Words(b), " "); got != p.words {
			t.Errorf("Words(%s) = %q, want %q", p.hex, got, p.words)
		}
		back, err := words.Bytes(strings.Fields(strings.ToUpper(p.words)))
		if err != nil || !bytes.Equal(back, b) {
			t.Errorf("Bytes(%q) = %x, %v", p.words, back, err)
		}
	}
}

// TestList checks what makes the list work: 512 words that differ.
func TestList(t *testing.T) {
	all := make([]byte, 0, 512)
	for v := range 256 {
		all = append(all, byte(v), byte(v))
	}
	list := words.Words(all)
	seen := map[string]bool{}
	for _, w := range list {
		w = strings.ToLower(w)
		if seen[w] {
			t.Errorf("%q stands twice", w)
		}
		seen[w] = true
	}
	back, err := words.Bytes(list)
	if err != nil || !bytes.Equal(back, all) {
		t.Errorf("the list does not read back: %v", err)
	}
}

func TestSlips(t *testing.T) {
	good := strings.Fields(published[0].words)
	for i := range good {
		dropped := append(append([]string{}, good[:i]...), good[i+1:]...)
		if _, err := words.Bytes(dropped); err == nil && i != len(good)-1 {
			t.Errorf("word %d dropped: not noticed", i+1)
		}
		if i == 0 {
			continue
		}
		swapped := append([]string{}, good...)
		swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
		if _, err := words.Bytes(swapped); err == nil {
			t.Errorf("words %d and %d swapped: not noticed", i, i+1)
		}
	}
	if _, err := words.Bytes([]string{"conclave"}); err == nil {
		t.Error("a word that is not in the list was read")
	}
}
