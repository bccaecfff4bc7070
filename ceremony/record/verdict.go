package record

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"conclave/assets/clean"
	"conclave/ceremony/transcript"
)

// Verdict says in a few lines what the transcript shows and what it cannot. No
// word of it comes from the file.
func Verdict(rep transcript.Report) []string {
	var lines []string
	n := events(rep.Head.Count)
	switch rep.State {
	case transcript.Closed:
		lines = append(lines, "CONSISTENT and closed: "+n+".")
		if rep.Last.Kind == "aborted" {
			lines[0] = "CONSISTENT and closed: " + n + ". The ceremony was ABORTED by the people."
		}
	case transcript.Open:
		lines = append(lines, "CONSISTENT: "+n+" of a chain of custody, which has no end.")
	case transcript.Interrupted:
		lines = append(lines, "INTERRUPTED: consistent as far as it goes, "+n+"; the last event is missing.")
		lines = append(lines, torn(rep)...)
	case transcript.Broken:
		return []string{fmt.Sprintf("BROKEN in line %d. Nothing after it was read.", rep.Line)}
	case transcript.Changed:
		return append([]string{"CHANGED: the lines fit together, but what names or signs them does not agree."}, torn(rep)...)
	}
	lines = append(lines, anchor(rep))
	if n := len(rep.Receipts); n > 0 {
		lines = append(lines, fmt.Sprintf("RECEIPTS agree up to event %d: nothing up to there was changed since. They say nothing of what follows.", slices.Max(rep.Receipts)))
	}
	if rep.Header.Practice {
		lines = append(lines, "PRACTICE: a rehearsal. It is no evidence of a ceremony.")
	}
	return append(lines, "It does not show who sat at the keyboard, nor that the machine told the truth.")
}

// torn names a last line that was cut off while it was written.
func torn(rep transcript.Report) []string {
	if rep.Torn == 0 {
		return nil
	}
	return []string{fmt.Sprintf("The last line is torn: the write of event %d was cut off after %d bytes.", rep.Head.Count+1, rep.Torn)}
}

func anchor(rep transcript.Report) string {
	switch {
	case rep.Anchored:
		these := ": these are the lines that it names."
		if len(rep.Anchors) > 1 {
			these = ": these are the lines that they name."
		}
		return "ANCHORED by " + safe(strings.Join(rep.Anchors, ", by ")) + these
	case rep.State == transcript.Interrupted || rep.State == transcript.Open:
		return "NOT ANCHORED: lines may be missing at the end, and one person could have made all this afterwards."
	case len(rep.Compared) > 0:
		return "NOT ANCHORED: head.txt agrees, but it lies beside the transcript. One person could have made all these files afterwards. Compare the head with the paper."
	}
	return "NOT ANCHORED: without a head a change in the last line cannot be seen, and one person could have made all this afterwards. Compare the head with the paper."
}

func events(n uint64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

// Verification writes what `transcript verify` prints: facts of the file, each
// after a label, then the verdict. Nothing from the file comes after it.
func Verification(w io.Writer, rep transcript.Report) error {
	p := &printer{w: w}
	switch {
	case rep.Header.Facts.Text("ceremony") == transcript.Custody:
		kind := "PRODUCTION"
		if rep.Header.Practice {
			kind = "PRACTICE"
		}
		p.line(kind + ": this is a vault's chain of custody, between its ceremonies.")
		p.line("")
	case rep.Header.Practice:
		p.line("PRACTICE: this is the record of a rehearsal.")
		p.line("")
	case isSession(rep.Header.Facts):
		p.line("PRODUCTION: this is the record of automation over the API. No ceremony was held.")
		p.line("")
	case rep.Header.Seq > 0:
		p.line("PRODUCTION: this is the record of a ceremony that counts.")
		p.line("")
	}
	if f := rep.Header.Facts; f != nil {
		p.row("ceremony", f.Text("ceremony")+" "+f.Text("id"))
		p.row("vault", f.Text("vault"))
		p.row("first event", when(rep.Header.Time))
		p.row("last event", when(rep.Last.Time)+", "+rep.Last.Kind)
	}
	for i, s := range rep.Overrides {
		p.row(label(i, "overrides"), s)
	}
	if len(rep.Overrides) == 0 && rep.Header.Facts.Text("ceremony") != transcript.Custody {
		p.row("overrides", "none")
	}
	if rep.State == transcript.Interrupted {
		p.rows("in step", rep.Steps)
		p.rows("begun only", rep.Works)
	}
	if rep.Last.Kind == "aborted" {
		p.row("reason", rep.Last.Facts.Text("reason"))
	}
	if rep.Head.Count > 0 {
		p.row("head", rep.Head.String())
		for _, r := range rep.Head.Rows() {
			p.row("", headRow(r))
		}
	}
	for _, n := range rep.Notes {
		p.row(n.About, n.Text)
	}
	p.rows("agrees with", rep.Compared)
	if rep.Problem != "" {
		p.row("problem", rep.Problem)
	}
	p.line("")
	for _, l := range Verdict(rep) {
		p.wrap("", l)
	}
	return p.err
}

func headRow(r transcript.Row) string {
	return fmt.Sprintf("%s  %s  %-12s%-13s%-12s%s", r.Letter, r.Hex, r.Words[0], r.Words[1], r.Words[2], r.Words[3])
}

// label is the label of a list's first row.
func label(i int, s string) string {
	if i > 0 {
		return ""
	}
	return s
}

// safe makes a text from the file fit for a terminal and for paper.
func safe(s string) string { return clean.Cut(s, 4096) }
