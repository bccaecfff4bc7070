package transcript_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"conclave/ceremony/transcript"
)

// TestTreeRoots compares with the roots of RFC 6962's reference implementation
// (certificate-transparency, merkletree tests).
func TestTreeRoots(t *testing.T) {
	leaves := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := map[int]string{
		0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var tree transcript.Tree
	for n := 0; ; n++ {
		root := tree.Root()
		if want, ok := roots[n]; ok && hex.EncodeToString(root[:]) != want {
			t.Errorf("the root of %d leaves is %x, want %s", n, root, want)
		}
		if n == len(leaves) {
			return
		}
		b, err := hex.DecodeString(leaves[n])
		if err != nil {
			t.Fatal(err)
		}
		tree.Add(b)
	}
}

// lines makes a transcript of n events and its checkpoint.
func lines(t *testing.T, n int) ([][]byte, transcript.Checkpoint) {
	t.Helper()
	entries := []transcript.Entry{header(false)}
	for i := 2; i < n; i++ {
		entries = append(entries, step(fmt.Sprint(i), "begun"))
	}
	if n > 1 {
		entries = append(entries, closed())
	}
	b := write(t, entries...)
	list := bytes.SplitAfter(b, []byte("\n"))
	return list[:len(list)-1], verify(t, b).Checkpoint()
}

func disclose(t *testing.T, list [][]byte, seq uint64, note []byte) []byte {
	t.Helper()
	var p transcript.Prover
	for _, l := range list {
		if err := p.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	proof, err := p.Prove(seq)
	if err != nil {
		t.Fatal(err)
	}
	return transcript.Disclose(list[seq-1], seq, proof, note)
}

func TestDisclose(t *testing.T) {
	for n := 1; n <= 17; n++ {
		list, c := lines(t, n)
		text, err := c.Note()
		if err != nil {
			t.Fatal(err)
		}
		for seq := uint64(1); seq <= uint64(n); seq++ {
			d, err := transcript.ParseDisclosed(disclose(t, list, seq, text))
			if err != nil || d.Event.Seq != seq || d.Checkpoint != c {
				t.Fatalf("event %d of %d: %+v, %v", seq, n, d, err)
			}
		}
	}
	var p transcript.Prover
	for _, seq := range []uint64{0, 1} {
		if _, err := p.Prove(seq); err == nil {
			t.Errorf("event %d of none was proven", seq)
		}
	}
}

// TestDisclosedChanged changes each byte of a disclosed event: none is accepted
// as an event of the same checkpoint.
func TestDisclosedChanged(t *testing.T) {
	list, c := lines(t, 6)
	text, err := c.Note()
	if err != nil {
		t.Fatal(err)
	}
	good := disclose(t, list, 4, text)
	for i := range good {
		for _, flip := range []byte{0x01, 0x20, 0x80} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			if d, err := transcript.ParseDisclosed(bad); err == nil && d.Checkpoint == c {
				t.Fatalf("byte %d changed by %#x: accepted", i, flip)
			}
		}
	}
	for _, bad := range [][]byte{nil, good[:len(good)-1], append(bytes.Clone(good), '\n'), bytes.Replace(good, []byte("\n"), []byte("\r\n"), 1)} {
		if _, err := transcript.ParseDisclosed(bad); err == nil {
			t.Errorf("accepted: %q", bad)
		}
	}
	// Another line of the same transcript under this one's proof.
	rest := good[len(list[3]):]
	if _, err := transcript.ParseDisclosed(append(bytes.Clone(list[2]), rest...)); err == nil {
		t.Error("another line was accepted")
	}
}

// TestCheckpointNote: any implementation of signed notes reads what a signer
// signed.
func TestCheckpointNote(t *testing.T) {
	skey, vkey, err := note.GenerateKey(nil, "hsm.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	_, c := lines(t, 5)
	b, err := c.Note(signer)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(b, note.VerifierList(verifier))
	if err != nil || n.Text != c.Text() {
		t.Fatalf("Open = %+v, %v", n, err)
	}
	got, signers, err := transcript.ParseCheckpoint(b)
	if err != nil || got != c || fmt.Sprint(signers) != "[hsm.example]" {
		t.Errorf("ParseCheckpoint = %+v, %q, %v", got, signers, err)
	}
	want := strings.Split(c.Text(), "\n")
	if want[0] != "conclave/KC-2026-017" || want[1] != "5" || want[3] != "head "+c.Head.String() {
		t.Errorf("the checkpoint is\n%s", c.Text())
	}
	c.Practice = true
	if !strings.HasPrefix(c.Text(), "PRACTICE-conclave/") {
		t.Errorf("a rehearsal's checkpoint is\n%s", c.Text())
	}
}

func TestReceipt(t *testing.T) {
	list, c := lines(t, 4)
	head := c.Head
	r := head.Receipt()
	for _, s := range []string{r.String(), strings.ToUpper(r.String()), strings.ReplaceAll(r.String(), " ", ", "), fmt.Sprintf("4: %x", r.Sum)} {
		got, err := transcript.ParseReceipt(s)
		if err != nil || got != r {
			t.Errorf("ParseReceipt(%q) = %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "4", ":aardvark", "0:" + strings.Join(r.Words(), " "), "4:" + strings.Join(r.Words()[:7], " "),
		"x:" + strings.Join(r.Words(), " "), "4:" + strings.Join(r.Words(), " ") + " aardvark", "-4:00"} {
		if _, err := transcript.ParseReceipt(s); err == nil {
			t.Errorf("ParseReceipt(%q) was accepted", s)
		}
	}
	for name, change := range map[string]func(*transcript.Receipt){
		"another sum": func(r *transcript.Receipt) { r.Sum[7] ^= 1 }, "another event": func(r *transcript.Receipt) { r.Event = 3 },
		"a later event": func(r *transcript.Receipt) { r.Event = 5 },
	} {
		rep := verify(t, bytes.Join(list, nil))
		want := r
		change(&want)
		if rep.CompareReceipt(want, head); rep.Code() != 4 {
			t.Errorf("%s: code %d", name, rep.Code())
		}
	}
	rep := verify(t, bytes.Join(list, nil))
	if rep.CompareReceipt(r, head); rep.Code() != 0 || rep.Anchored || len(rep.Receipts) != 1 {
		t.Errorf("a good receipt: %+v", rep)
	}
}

// FuzzCheckpoint: what is accepted is what Text writes.
func FuzzCheckpoint(f *testing.F) {
	b, err := transcript.Checkpoint{ID: "KC-1", Practice: true, Head: transcript.Head{Count: 3}}.Note()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(append(b, "— a b\n"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, _, err := transcript.ParseCheckpoint(b); err == nil && !bytes.HasPrefix(b, []byte(c.Text()+"\n")) {
			t.Fatalf("%q was accepted", b)
		}
	})
}

// FuzzDisclosed: what is accepted has the checkpoint that stands in it.
func FuzzDisclosed(f *testing.F) {
	f.Add([]byte("{}\nc2sp.org/tlog-proof@v1\nindex 0\n\n"))
	for _, s := range seeds() {
		var tree transcript.Tree
		tree.Add(s)
		b, err := transcript.Checkpoint{ID: "KC-1", Head: transcript.Head{Count: 1}, Root: tree.Root()}.Note()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(transcript.Disclose(s, 1, nil, b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := transcript.ParseDisclosed(b); err == nil && !bytes.HasSuffix(b, d.Note) {
			t.Fatalf("%q was accepted", b)
		}
	})
}

// FuzzReceipt: what is accepted reads back.
func FuzzReceipt(f *testing.F) {
	f.Add(transcript.Receipt{Event: 41}.String())
	f.Add("7:0011223344556677")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := transcript.ParseReceipt(s)
		if err != nil {
			return
		}
		if again, err := transcript.ParseReceipt(r.String()); err != nil || again != r {
			t.Fatalf("%q gives %+v, and that %+v, %v", s, r, again, err)
		}
	})
}
