package transcript_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"conclave/ceremony/transcript"
)

func custodyHeader() transcript.Entry {
	h := header(false)
	h.Facts["ceremony"] = transcript.Custody
	return h
}

func moved() transcript.Entry {
	return transcript.Entry{Kind: "custody", Claimed: "Olga Example", Evidence: transcript.ByKeyboard,
		Facts: transcript.Facts{"event": "moved", "record_head": "", "what": "envelope 3", "place": "the bank"}}
}

// TestCustodyChain: a chain of custody has no end and is consistent all the
// same; nothing of a ceremony stands in it, nor does it end up in a ceremony.
func TestCustodyChain(t *testing.T) {
	b := write(t, custodyHeader(), moved(), moved())
	rep := verify(t, b)
	if rep.State != transcript.Open || rep.Code() != 0 || rep.Head.Count != 3 {
		t.Errorf("%+v", rep)
	}
	if rep := verify(t, b[:len(b)-5]); rep.State != transcript.Interrupted || rep.Torn == 0 {
		t.Errorf("torn: %+v", rep)
	}
	var buf buffer
	buf.Write(b)
	w, err := transcript.Continue(bytes.NewReader(b), &buf, ticker())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []transcript.Entry{step("a", "begun"), closed(), override()} {
		if _, err := w.Append(e); err == nil {
			t.Errorf("%s stands in a chain of custody", e.Kind)
		}
	}
	if buf.Len() != len(b) {
		t.Error("a refused entry left a trace")
	}
	if _, err := w.Append(moved()); err != nil {
		t.Error(err)
	}
	if rep := verify(t, buf.Bytes()); rep.State != transcript.Open {
		t.Errorf("went on: %+v", rep)
	}
	if _, err := transcript.NewWriter(&buffer{}, ticker()).Append(custodyHeader()); err != nil {
		t.Error(err)
	}
	var c buffer
	w = transcript.NewWriter(&c, ticker())
	if _, err := w.Append(header(false)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(moved()); err == nil {
		t.Error("an event of custody stands in a ceremony's transcript")
	}
	for _, bad := range custodyCorpus(t)[3:] {
		if rep := verify(t, bad); rep.State != transcript.Broken || !strings.Contains(rep.Problem, "does not stand in such a transcript") {
			t.Errorf("%s: %s", rep.State, rep.Problem)
		}
	}
}

// custodyCorpus is for both verifiers: good, torn and empty but for the header,
// then an event in the chain where it does not belong.
func custodyCorpus(t *testing.T) [][]byte {
	b := write(t, custodyHeader(), moved(), moved())
	ceremony := write(t, header(false), step("a", "begun"))
	first := func(b []byte) []byte { return b[:bytes.IndexByte(b, '\n')+1] }
	// The second line of one after the first of the other.
	graft := func(a, b []byte) []byte {
		old, now := sha256.Sum256(first(b)), sha256.Sum256(first(a))
		second := first(b[len(first(b)):])
		return append(bytes.Clone(first(a)), bytes.Replace(second, fmt.Appendf(nil, "%x", old), fmt.Appendf(nil, "%x", now), 1)...)
	}
	return [][]byte{b, b[:len(b)-5], first(b), graft(b, ceremony), graft(ceremony, b)}
}
