package ceremony_test

import (
	"strings"
	"testing"
	"time"

	"conclave/ceremony"
)

// TestPaper: the paper script has every step of the table, in its order, with
// somebody's initials; the two texts that are read aloud are those of the screens.
func TestPaper(t *testing.T) {
	s := initialised(t) // whose records name a root token
	for _, c := range ceremony.All {
		q := s.request(c)
		p, err := q.Resolve(time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		steps := ceremony.Paper(c, p)
		if len(steps) != len(c.Of(p).Steps) {
			t.Fatalf("%s: %d steps, want %d", c.ID, len(steps), len(c.Of(p).Steps))
		}
		for i, st := range steps {
			if st.Number != i+1 || st.Title != c.Of(p).Steps[i].Title || len(st.By) == 0 || st.By[0].Name == "operator" {
				t.Errorf("%s: step %+v", c.ID, st)
			}
			switch st.ID {
			case "plan":
				if strings.Join(st.Aloud, "\n") != strings.Join(p.Text(), "\n") {
					t.Errorf("%s: another plan is read aloud: %q", c.ID, st.Aloud)
				}
			case "brief":
				if len(st.Aloud) == 0 {
					t.Errorf("%s: nothing is read at the beginning", c.ID)
				}
			case "go":
				if len(st.By) != 2 {
					t.Errorf("%s: %d people confirm", c.ID, len(st.By))
				}
			}
		}
	}
}
