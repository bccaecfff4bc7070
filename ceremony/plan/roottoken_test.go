package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/plan"
	"conclave/vaultstate"
)

// TestTokenReceiver: who receives a root token and until when is in the plan that
// is read aloud; who cannot be is refused.
func TestTokenReceiver(t *testing.T) {
	pgp := key(t, "Rita", day.Add(-time.Hour))
	for name, c := range map[string]struct {
		receiver, until string
		change          func(*plan.Request)
		field           string // "": it is taken
	}{
		"a custodian":             {"alice  adams", "2026-12-01", func(*plan.Request) {}, ""},
		"the operator, today":     {"Olga Example", "2026-11-25", func(*plan.Request) {}, ""},
		"by a key":                {"Rita Root", "", func(q *plan.Request) { q.RootTokenKey = &pgp }, ""},
		"another fingerprint":     {"Rita Root", "", func(q *plan.Request) { q.RootTokenKey, q.RootTokenPrint = &pgp, strings.Repeat("0f", 20) }, "root-token-fingerprint"},
		"a fingerprint, no key":   {"", "2026-12-01", func(q *plan.Request) { q.RootTokenPrint = strings.Repeat("0f", 20) }, "root-token-fingerprint"},
		"nobody here":             {"Rita Root", "", func(*plan.Request) {}, "root-token-receiver"},
		"the witness":             {"Wim Waters", "", func(*plan.Request) {}, "root-token-receiver"},
		"yesterday":               {"", "2026-11-24", func(*plan.Request) {}, "root-token-until"},
		"no day":                  {"", "soon", func(*plan.Request) {}, "root-token-until"},
		"no token is made":        {"Olga Example", "", func(q *plan.Request) { q.Kind = vaultstate.Rotate }, "root-token-receiver"},
		"a server's":              {"Olga Example", "2026-12-01", atServer, ""},
		"a server's, for an hour": {"Olga Example", "", func(q *plan.Request) { atServer(q); q.RootTokenTTL = "1h" }, ""},
		"for an hour, no server":  {"", "", func(q *plan.Request) { q.RootTokenTTL = "1h" }, "root-token-ttl"},
		"for ever":                {"", "", func(q *plan.Request) { atServer(q); q.RootTokenTTL = "9999h" }, "root-token-ttl"},
		"for no time":             {"", "", func(q *plan.Request) { atServer(q); q.RootTokenTTL = "0s" }, "root-token-ttl"},
		"for half a second":       {"", "", func(q *plan.Request) { atServer(q); q.RootTokenTTL = "61.5s" }, "root-token-ttl"},
		"for a word":              {"", "", func(q *plan.Request) { atServer(q); q.RootTokenTTL = "soon" }, "root-token-ttl"},
	} {
		t.Run(name, func(t *testing.T) {
			q := drill()
			q.Kind = vaultstate.GenerateRoot
			q.RootTokenReceiver, q.RootTokenUntil = c.receiver, c.until
			c.change(&q)
			p, fields, text := problems(t, q)
			if c.field != "" {
				if !slices.Equal(fields, []string{c.field}) {
					t.Errorf("%q: %s", fields, text)
				}
				return
			}
			aloud := ""
			if p != nil {
				aloud = strings.Join(p.Text(), "\n")
			}
			if text != "" || !strings.Contains(aloud, "root-token-receiver = ") || c.until != "" && !strings.Contains(aloud, "root-token-until = "+c.until) {
				t.Errorf("%s\n%s", text, aloud)
			}
		})
	}
}

func atServer(q *plan.Request) {
	q.Server, q.Storage = &plan.Server{Address: "https://bao:8200"}, "https://bao:8200"
	q.Config = ""
}
