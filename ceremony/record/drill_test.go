package record_test

import (
	"bytes"
	"strings"
	"testing"

	"conclave/ceremony/record"
	"conclave/ceremony/transcript"
)

// TestDrill: each proof is said for what it is, each share that was not proven
// with the reason, and it is an open item.
func TestDrill(t *testing.T) {
	of := func(n int, more facts) facts {
		f := facts{"number": n, "custodian": "Dora Example", "set": "8c1f22ab8c1f22ab8c1f22ab8c1f22ab"}
		for k, v := range more {
			f[k] = v
		}
		return f
	}
	for name, c := range map[string]struct {
		event transcript.Entry
		want  string
		open  bool
	}{
		"by the share":  {program("proven", "drill", of(2, facts{"fingerprint": hash("share 2"), "proof": "share"})), "Dora Example, PROVEN: the share was typed", false},
		"in a quorum":   {program("proven", "drill", of(2, facts{"fingerprint": hash("share 2"), "proof": "quorum"})), "PROVEN: the share took part in a quorum", false},
		"by the key":    {program("proven", "drill", of(2, facts{"fingerprint": hash("share 2"), "proof": "key"})), "KEY ONLY: its holder decrypted a challenge; whether the share is there was not seen", false},
		"absent":        {program("not-proven", "drill", of(2, facts{"why": "absent"})), "NOT PROVEN: its holder was not here", true},
		"not tried":     {program("not-proven", "drill", of(2, facts{"why": "not tried"})), "NOT PROVEN: its holder was here, and did not type it", true},
		"an old one":    {program("not-proven", "drill", of(2, facts{"why": "old", "reason": "This is an old share."})), "as it was entered: This is an old share.", true},
		"another":       {program("not-proven", "drill", of(2, facts{"why": "another"})), "NOT PROVEN: another share was typed", true},
		"unreadable":    {program("not-proven", "drill", of(2, facts{"why": "unreadable"})), "NOT PROVEN: what was typed is no share", true},
		"no key at all": {program("not-proven", "drill", of(2, facts{"why": "unanswered"})), "NOT PROVEN: the challenge to its holder's key was not answered", true},
	} {
		t.Run(name, func(t *testing.T) {
			list := opening(false, false)
			list[0].Facts["ceremony"] = "drill"
			list = append(list, c.event, program("closed", "close", facts{"verdict": "0 of 1 shares are proven.", "overrides": []string{}}))
			ev, rep := scan(t, write(t, list))
			var b bytes.Buffer
			if err := record.New(ev, rep).Text(&b); err != nil {
				t.Fatal(err)
			}
			if got := flat(b.String()); !strings.Contains(got, c.want) {
				t.Errorf("the report has no %q:\n%s", c.want, got)
			}
			if got := strings.Contains(audit(t, list), "Share 2 of Dora Example was not proven: find out whether it is there"); got != c.open {
				t.Errorf("an open item: %v", got)
			}
		})
	}
}
