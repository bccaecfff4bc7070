package transcript_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"conclave/ceremony/transcript"
)

func TestHead(t *testing.T) {
	b := good(t)
	at := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
	head := verify(t, b).Head
	if want := fmt.Sprintf("%x", sha256.Sum256(b[at:])); head.String() != want {
		t.Errorf("the head is %s, tail -n1 | sha256sum gives %s", head, want)
	}
}

func TestParseHead(t *testing.T) {
	head := transcript.Head{Count: 41, SHA256: sha256.Sum256([]byte("x"))}
	var words, groups []string
	for _, r := range head.Rows() {
		words = append(words, r.Words...)
		groups = append(groups, r.Hex)
	}
	all := strings.Join(words, " ")
	for _, s := range []string{
		head.String(), strings.ToUpper(head.String()), strings.Join(groups, "  "), all,
		strings.ToLower(all), strings.Join(words, ",\n"), " " + head.String() + "\n",
	} {
		if got, err := transcript.ParseHead(s); err != nil || got.SHA256 != head.SHA256 || got.Count != 0 {
			t.Errorf("ParseHead(%q) = %v, %v", s, got, err)
		}
	}
	swapped := append([]string{words[1], words[0]}, words[2:]...)
	for _, s := range []string{"", "x", head.String()[:62], head.String() + "00", strings.Join(words[:31], " "),
		strings.Join(swapped, " "), strings.Join(append(words, words[0]), " ")} {
		if got, err := transcript.ParseHead(s); err == nil {
			t.Errorf("ParseHead(%q) = %v", s, got)
		}
	}
}

func TestHeadText(t *testing.T) {
	head := transcript.Head{Count: 41, SHA256: sha256.Sum256([]byte("x"))}
	for _, practice := range []bool{false, true} {
		text := head.Text(practice)
		got, p, err := transcript.ParseHeadText(text)
		if err != nil || got != head || p != practice {
			t.Errorf("ParseHeadText(Text(%v)) = %v, %v, %v", practice, got, p, err)
		}
		for i := range text {
			bad := bytes.Clone(text)
			bad[i] ^= 1
			if got, p, err := transcript.ParseHeadText(bad); err == nil && got == head && p == practice {
				t.Errorf("byte %d changed and not seen", i)
			}
			if _, _, err := transcript.ParseHeadText(text[:i]); err == nil {
				t.Errorf("cut at %d and not seen", i)
			}
		}
	}
}
