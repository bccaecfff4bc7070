package transcript_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"conclave/ceremony/transcript"
)

// seeds are the transcripts that fuzzing starts from. Salts are fixed, so that
// what is found can be found again.
func seeds() [][]byte {
	const one = `{"seq":1,"prev":"0000000000000000000000000000000000000000000000000000000000000000","salt":"00112233445566778899aabbccddeeff",` +
		`"time":"2026-11-24T14:00:00.000Z","boot":1000,"kind":"header","step":"","claimed":"","evidence":"program",` +
		`"facts":{"ceremony":"init","format":1,"id":"KC-1","plan":["a","ü"],"practice":false,"program":"conclave"}}` + "\n"
	marked := strings.Replace(strings.Replace(one, `{"seq"`, `{"mark":"PRACTICE","seq"`, 1), `"practice":false`, `"practice":true`, 1)
	return [][]byte{
		[]byte(one), []byte(one[:100]), []byte(one + one), []byte(marked), nil, []byte("\n"), []byte("{}\n"),
		[]byte(strings.Replace(one, `"claimed":""`, `"claimed":"Wim","CLAIMED":"Olga"`, 1)),
	}
}

// FuzzVerify: whatever the bytes are, what is accepted is canonical, and the
// report is one that the bytes bear out.
func FuzzVerify(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	if rep, err := transcript.Verify(bytes.NewReader(seeds()[0])); err != nil || rep.Head.Count != 1 {
		f.Fatalf("the first seed is not a good transcript: %+v, %v", rep, err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := transcript.NewReader(bytes.NewReader(b))
		var n uint64
		var torn *transcript.TornError
		var broken *transcript.BrokenError
		for {
			ev, err := r.Next()
			if err == nil {
				n++
				if ev.Seq != n {
					t.Fatalf("event %d is numbered %d", n, ev.Seq)
				}
				continue
			}
			if !errors.Is(err, io.EOF) && !errors.As(err, &torn) && !errors.As(err, &broken) {
				t.Fatalf("Next = %v", err)
			}
			if _, again := r.Next(); !errors.Is(again, err) {
				t.Fatalf("Next once more = %v, not %v", again, err)
			}
			break
		}
		rep, err := transcript.Verify(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if rep.Head.Count != n || rep.Head != r.Head() {
			t.Fatalf("Verify counts %d, Next %d", rep.Head.Count, n)
		}
		lines := uint64(bytes.Count(b, []byte("\n")))
		switch {
		case rep.State == transcript.Broken:
			if rep.Line != n+1 || rep.Problem == "" {
				t.Fatalf("broken in line %d after %d events: %q", rep.Line, n, rep.Problem)
			}
		case lines != n || (rep.Torn > 0) != (len(b) > 0 && b[len(b)-1] != '\n'):
			t.Fatalf("%d lines, %d events, torn %d: %s", lines, n, rep.Torn, rep.State)
		}
	})
}

// FuzzAppend: whatever texts an entry holds, the line that is written reads back.
func FuzzAppend(f *testing.F) {
	f.Add("stage", "Olga Example", "work")
	f.Add("\x00", "\xff\xc3", "\u2028\u202e<&>\"\\")
	f.Fuzz(func(t *testing.T, step, who, work string) {
		var b buffer
		w := transcript.NewWriter(&b, ticker())
		if _, err := w.Append(header(false)); err != nil {
			t.Fatal(err)
		}
		_, err := w.Append(transcript.Entry{Kind: "begun", Step: step, Claimed: who, Evidence: transcript.ByKeyboard, Facts: transcript.Facts{"work": work}})
		rep, e := transcript.Verify(bytes.NewReader(b.Bytes()))
		if e != nil || rep.State != transcript.Interrupted || rep.Head != w.Head() {
			t.Fatalf("Append = %v, then Verify = %+v, %v", err, rep, e)
		}
		if err == nil && rep.Head.Count != 2 {
			t.Fatal("appended, and not there")
		}
	})
}

// FuzzHeadText: what is accepted as head.txt is what Text writes.
func FuzzHeadText(f *testing.F) {
	f.Add(transcript.Head{Count: 41}.Text(true))
	f.Add([]byte("events 1\nsha256 \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, practice, err := transcript.ParseHeadText(b); err == nil && !bytes.Equal(h.Text(practice), b) {
			t.Fatalf("%q was accepted", b)
		}
		_, _ = transcript.ParseHead(string(b))
	})
}
