package ceremony_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"conclave/ceremony"
	"conclave/ceremony/transcript"
)

var update = flag.Bool("update", false, "write the golden files")

// TestCeremonies holds all ceremonies one after the other on one vault. Each
// record is compared with a golden one, but for what differs in every run.
func TestCeremonies(t *testing.T) {
	s := newSite(t)
	for _, c := range ceremony.All {
		t.Run(c.ID, func(t *testing.T) {
			s.t = t
			m := s.must(s.open(c, s.request(c)))
			golden(t, c.ID, m)
			watchedAs(t, m)
			rep, _ := m.events()
			if c.ID == "rewrap" || c.ID == "retire" || c.ID == "drill" || c.ID == "revoke-root" { // they come after the recover, which stands in every record since
				rep.Overrides = slices.DeleteFunc(rep.Overrides, func(o string) bool { return strings.HasPrefix(o, "Recovery authority was re-created") })
			}
			if n := len(rep.Overrides); n > 1 && c.ID != "recover" || n == 1 && rep.Overrides[0] != "Shares are shown on this screen: no PGP keys were given." {
				t.Errorf("overrides: %q", rep.Overrides)
			}
		})
	}
	s.t = t
	if !s.works(three(s.held)...) {
		t.Error("the new shares do not work")
	}
	if s.works(three(s.old)...) {
		t.Error("the replaced shares work")
	}
	if set, ok := s.roster.ValidSet(); !ok || set.Ceremony != "KC-8" || len(set.Holdings) != 5 || set.Holdings[4].Proven == "" {
		t.Errorf("the roster says %+v", set)
	}
}

func golden(t *testing.T, name string, m *room) {
	t.Helper()
	_, events := m.events()
	var b strings.Builder
	for _, e := range events {
		b.WriteString(inOneLine(e) + "\n")
	}
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, lines := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(lines)) {
		if i >= len(got) || i >= len(lines) || got[i] != lines[i] {
			t.Fatalf("%s, line %d:\n got %s\nwant %s", file, i+1, slices.Concat(got, []string{"", ""})[min(i, len(got))], slices.Concat(lines, []string{"", ""})[min(i, len(lines))])
		}
	}
}

var (
	someDigest   = regexp.MustCompile(`[0-9a-f]{64}`)
	someSet      = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	someTime     = regexp.MustCompile(`2026-11-25T09:[0-9:.]*Z`)
	someAccessor = regexp.MustCompile(`\b[0-9A-Za-z]{24}\b`)
)

func inOneLine(e transcript.Event) string {
	var names, facts []string
	for n := range e.Facts {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		v := fmt.Sprintf("%v", e.Facts[n])
		if n == "took_ms" || n == "words" {
			v = "…"
		}
		facts = append(facts, n+"="+v)
	}
	s := fmt.Sprintf("%-13s %-7s %-12s %-8s %s", e.Kind, e.Step, e.Claimed, e.Evidence, strings.Join(facts, "; "))
	s = someDigest.ReplaceAllString(s, "DIGEST")
	s = someSet.ReplaceAllString(s, "SET")
	s = someTime.ReplaceAllString(s, "TIME")
	return strings.TrimRight(someAccessor.ReplaceAllString(s, "ACCESSOR"), " ")
}
