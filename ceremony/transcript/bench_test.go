package transcript_test

import (
	"bytes"
	"runtime"
	"testing"

	"conclave/ceremony/transcript"
)

// long is an unfinished transcript of n events.
func long(t testing.TB, n int) []byte {
	t.Helper()
	var b buffer
	w := transcript.NewWriter(&b, ticker())
	for i := range n {
		e := step("issue", "begun")
		if i == 0 {
			e = header(false)
		}
		if _, err := w.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// BenchmarkVerify is the time for one line.
func BenchmarkVerify(b *testing.B) {
	text := long(b, b.N)
	b.SetBytes(int64(len(text) / b.N))
	b.ReportAllocs()
	b.ResetTimer()
	rep, err := transcript.Verify(bytes.NewReader(text))
	if err != nil || rep.Head.Count != uint64(b.N) {
		b.Fatalf("Verify = %+v, %v", rep, err)
	}
}

// TestFlat: a long transcript needs no more memory than a short one.
func TestFlat(t *testing.T) {
	b := long(t, 50_000)
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, after := live(), uint64(0)
	_, err := transcript.Scan(bytes.NewReader(b), func(ev transcript.Event) error {
		if ev.Seq == 49_000 {
			after = live()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if after > before+1<<20 {
		t.Errorf("after 49,000 lines %d kB more are in use", (after-before)>>10)
	}
	runtime.KeepAlive(b)
}
