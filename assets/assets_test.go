package assets_test

import (
	"os"
	"strings"
	"testing"

	"conclave/assets"
)

// TestTexts holds every text to what can be spoken: sentences, on one line a
// paragraph, of no more than 30 words each.
func TestTexts(t *testing.T) {
	files, err := os.ReadDir("texts")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d texts, %v", len(files), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".txt")
		paragraphs := assets.Text(name)
		if len(paragraphs) == 0 {
			t.Errorf("%s is empty", name)
		}
		for _, p := range paragraphs {
			if strings.ContainsAny(p, "\n\t") || !strings.HasSuffix(p, ".") {
				t.Errorf("%s: %q is no paragraph", name, p)
			}
			for _, s := range strings.Split(p, ". ") {
				if n := len(strings.Fields(s)); n > 30 {
					t.Errorf("%s: a sentence of %d words: %q", name, n, s)
				}
			}
		}
	}
}

func TestTextUnknown(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a text that does not exist was returned")
		}
	}()
	assets.Text("no-such-text")
}
