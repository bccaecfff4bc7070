package plan_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"conclave/ceremony/custodian"
	"conclave/ceremony/plan"
	"conclave/vaultstate"
	"conclave/vaultstate/pgp"
)

var update = flag.Bool("update", false, "write the golden files")

var day = time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)

func n(v int) plan.Number { return plan.Number{Value: v, Given: true} }

// good is an init of five shares, three of which are needed.
func good() plan.Request {
	return plan.Request{
		Kind: vaultstate.Init, ID: "KC-2026-017", Purpose: "First initialisation", Storage: "/var/lib/openbao", Config: "/etc/openbao.hcl",
		RecoveryShares: n(5), RecoveryThreshold: n(3), Operator: "Olga Example", Witness: "Wim Waters",
		Custodians: []string{"Alice Adams", "Bob Baker", "Carol Chen", "Dora Dean", "Erik Esser"},
		Values:     []plan.Value{{Name: "storage", Text: "/var/lib/openbao", Source: "configuration /etc/openbao.hcl"}, {Name: "hsm-key-label", Text: "bao-root-key", Source: "environment BAO_HSM_KEY_LABEL"}},
	}
}

// problems resolves and returns the fields that are wrong.
func problems(t *testing.T, q plan.Request) (p *plan.Plan, fields []string, text string) {
	t.Helper()
	p, err := q.Resolve(day)
	if err == nil {
		return p, nil, ""
	}
	if p != nil {
		t.Error("there is a plan in spite of an error")
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		t.Fatalf("%v is not a list", err)
	}
	for _, e := range joined.Unwrap() {
		var one *plan.Problem
		if !errors.As(e, &one) {
			t.Fatalf("%v is no Problem", e)
		}
		fields = append(fields, one.Field)
	}
	return nil, fields, err.Error()
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*plan.Request)
		fields string
		says   string
	}{
		"shares 0":                {func(q *plan.Request) { q.RecoveryShares = n(0); q.Custodians = nil }, "recovery-shares", "shares must be at least one"},
		"threshold 0":             {func(q *plan.Request) { q.RecoveryThreshold = n(0) }, "recovery-threshold", "threshold must be at least one"},
		"threshold 1 of 5":        {func(q *plan.Request) { q.RecoveryThreshold = n(1) }, "recovery-threshold", "threshold must be greater than one for multiple shares"},
		"threshold above shares":  {func(q *plan.Request) { q.RecoveryThreshold = n(6) }, "recovery-threshold", "threshold cannot be larger than shares"},
		"256 shares":              {func(q *plan.Request) { q.RecoveryShares = n(256); q.Custodians = nil }, "recovery-shares", "shares must be less than 256"},
		"threshold left out":      {func(q *plan.Request) { q.RecoveryThreshold = plan.Number{} }, "recovery-threshold", "say how many of the 5 shares are needed"},
		"too many people":         {func(q *plan.Request) { q.Custodians = append(q.Custodians, "Fred Foster") }, "custodian", "6 custodians are named for 5 shares"},
		"somebody twice":          {func(q *plan.Request) { q.Custodians[4] = "alice  ADAMS" }, "custodian", "is already named as custodian"},
		"the witness is operator": {func(q *plan.Request) { q.Witness = q.Operator }, "witness", "one person, one role"},
		"a long name":             {func(q *plan.Request) { q.Operator = strings.Repeat("x", 121) }, "operator", "at most 120 bytes"},
		"an id that is a path":    {func(q *plan.Request) { q.ID = "../x" }, "id", "use letters"},
		"a long id":               {func(q *plan.Request) { q.ID = strings.Repeat("x", 65) }, "id", "at most 64"},
		"an unknown token":        {func(q *plan.Request) { q.RootToken = "yes" }, "root-token", "say initial or none"},
		"a key for no token":      {func(q *plan.Request) { q.RootToken = "none"; q.RootTokenKey = &plan.File{Name: "k"} }, "root-token-pgp-key root-token-pgp-key", "nothing is encrypted to it"},
		"no key at all": {func(q *plan.Request) {
			q.RecoveryKeys = slices.Repeat([]plan.File{{Name: "alice.asc", Data: []byte("hello")}}, 5)
		}, "recovery-pgp-keys recovery-pgp-keys recovery-pgp-keys recovery-pgp-keys recovery-pgp-keys", "alice.asc"},
		"shares of a rotate": {func(q *plan.Request) { q.Kind = vaultstate.Rotate }, "recovery-shares", "a rotate hands out no recovery shares"},
		"a token of a rekey": {func(q *plan.Request) {
			*q = plan.Request{Kind: vaultstate.Rekey, RootToken: "initial"}
		}, "root-token", "a rekey makes no root token"},
		"several at once": {func(q *plan.Request) { q.ID = "/"; q.KeyShares = n(5); q.RecoveryThreshold = n(9); q.RootToken = "x" },
			"id key-shares recovery-threshold root-token", ""},
	} {
		t.Run(name, func(t *testing.T) {
			q := good()
			c.change(&q)
			_, fields, text := problems(t, q)
			if got := strings.Join(fields, " "); got != c.fields || !strings.Contains(text, c.says) {
				t.Errorf("refused %q: %s", got, text)
			}
		})
	}
}

// TestS2: absent is 1, an explicit 1 is 1, any other value is refused with the
// reason, 0 included, in every ceremony.
func TestS2(t *testing.T) {
	set := map[string]func(*plan.Request, plan.Number){
		"key-shares":    func(q *plan.Request, x plan.Number) { q.KeyShares = x },
		"key-threshold": func(q *plan.Request, x plan.Number) { q.KeyThreshold = x },
		"stored-shares": func(q *plan.Request, x plan.Number) { q.StoredShares = x },
	}
	for field, f := range set {
		for _, kind := range []vaultstate.Kind{vaultstate.Init, vaultstate.Rekey} {
			for v := -1; v < 4; v++ {
				q := plan.Request{Kind: kind}
				f(&q, n(v))
				_, fields, text := problems(t, q)
				switch {
				case v == 1 && fields != nil:
					t.Errorf("%s %s=1: %s", kind, field, text)
				case v != 1 && (!slices.Equal(fields, []string{field}) || !strings.Contains(text, "the root key is not split")):
					t.Errorf("%s %s=%d: %q", kind, field, v, text)
				}
			}
		}
	}
	if _, fields, text := problems(t, plan.Request{Kind: vaultstate.Init}); fields != nil {
		t.Errorf("absent: %s", text)
	}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct{ shares, threshold int }{{1, 1}, {2, 2}, {5, 3}, {5, 5}, {255, 2}, {255, 255}} {
		q := plan.Request{Kind: vaultstate.RecoveryRekey, RecoveryShares: n(c.shares), RecoveryThreshold: n(c.threshold)}
		p, _, text := problems(t, q)
		if p == nil || p.Shares != c.shares || p.Threshold != c.threshold {
			t.Errorf("%d of %d: %s", c.threshold, c.shares, text)
		}
	}
	p, _, _ := problems(t, plan.Request{Kind: vaultstate.Init})
	if p.Shares != 5 || p.Threshold != 3 {
		t.Errorf("the default is %d of %d", p.Threshold, p.Shares)
	}
	p, _, _ = problems(t, plan.Request{Kind: vaultstate.Init, RecoveryShares: n(1)})
	if p.Threshold != 1 {
		t.Errorf("one share has the threshold %d", p.Threshold)
	}
}

// TestNumbers: who receives a share has its number; at a recovery rekey more
// custodians may follow, and elsewhere nobody receives one.
func TestNumbers(t *testing.T) {
	q := good()
	q.Kind, q.RecoveryShares, q.RecoveryThreshold = vaultstate.RecoveryRekey, n(3), n(2)
	p, _, text := problems(t, q)
	if p == nil {
		t.Fatal(text)
	}
	var numbers []int
	for _, who := range p.Custodians() {
		numbers = append(numbers, who.Number)
	}
	if !slices.Equal(numbers, []int{1, 2, 3, 0, 0}) {
		t.Errorf("numbers %v", numbers)
	}
	p, _, _ = problems(t, plan.Request{Kind: vaultstate.Rotate, Custodians: []string{"Alice Adams"}})
	if who, ok := p.First(custodian.Custodian); !ok || who.Number != 0 {
		t.Errorf("%+v", p.People)
	}
	if p.Issues() || !p.NeedsQuorum() {
		t.Error("a rotate issues shares or needs no quorum")
	}
}

func TestOverrides(t *testing.T) {
	q := good()
	q.NoWitness, q.SkipProof = true, true
	q.Overrides = []plan.Override{{ID: "piped-secrets", Sentence: "Secrets come from a pipe."}}
	p, _, text := problems(t, q)
	if p == nil {
		t.Fatal(text)
	}
	var ids []string
	for _, o := range p.Overrides {
		ids = append(ids, o.ID)
		if !strings.HasSuffix(o.Sentence, ".") {
			t.Errorf("%q is no sentence", o.Sentence)
		}
	}
	if want := []string{"piped-secrets", "no-witness", "skipped-proofs", "plain-shares"}; !slices.Equal(ids, want) {
		t.Errorf("overrides %q, want %q", ids, want)
	}
	if _, ok := p.First(custodian.Witness); ok {
		t.Error("there is a witness")
	}
}

func key(t *testing.T, name string, from time.Time) plan.File {
	t.Helper()
	_, k, err := pgp.GenerateKey(name, from)
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.Armor(false)
	if err != nil {
		t.Fatal(err)
	}
	return plan.File{Name: strings.ToLower(name) + ".asc", Data: b}
}

func TestKeys(t *testing.T) {
	q := good()
	for _, name := range q.Custodians {
		q.RecoveryKeys = append(q.RecoveryKeys, key(t, name, day.Add(-time.Hour)))
	}
	token := key(t, "Token", day.Add(-time.Hour))
	q.RootTokenKey = &token
	p, _, text := problems(t, q)
	if p == nil {
		t.Fatal(text)
	}
	if len(p.Keys) != 5 || p.RootTokenKey == nil {
		t.Fatalf("%d keys", len(p.Keys))
	}
	sum := sha256.Sum256(q.RecoveryKeys[2].Data)
	if p.Keys[2].SHA256 != hex.EncodeToString(sum[:]) || p.Keys[2].File != "carol chen.asc" {
		t.Errorf("%+v", p.Keys[2])
	}
	all := strings.Join(p.Text(), "\n")
	for _, k := range p.Keys {
		if !strings.Contains(all, k.Fingerprint) || !strings.Contains(all, k.SHA256) {
			t.Errorf("the plan does not name the key %s", k.Fingerprint)
		}
	}
	if slices.ContainsFunc(p.Overrides, func(o plan.Override) bool { return o.ID == "plain-shares" }) {
		t.Error("shares are said to be shown")
	}
	// They are proven from what their holders take home, or it is an override.
	for name, c := range map[string]struct {
		change func(*plan.Request)
		is     bool
	}{
		"no medium":              {func(*plan.Request) {}, true},
		"a medium":               {func(q *plan.Request) { q.SecondMedium = "/media/custodians" }, false},
		"no medium, in practice": {func(q *plan.Request) { q.Practice = true }, false},
		"no proof":               {func(q *plan.Request) { q.SkipProof = true }, false},
	} {
		q := q
		c.change(&q)
		p, _, text := problems(t, q)
		if p == nil {
			t.Fatal(name, text)
		}
		if is := slices.ContainsFunc(p.Overrides, func(o plan.Override) bool { return o.ID == "no-second-medium" }); is != c.is {
			t.Errorf("%s: %v", name, p.Overrides)
		}
	}

	few := q
	few.RecoveryKeys = q.RecoveryKeys[:4]
	if _, fields, text := problems(t, few); !slices.Equal(fields, []string{"recovery-pgp-keys"}) || !strings.Contains(text, "count mismatch") {
		t.Errorf("four keys: %s", text)
	}
	twice := q
	twice.RecoveryKeys = append(slices.Clone(q.RecoveryKeys[:4]), q.RecoveryKeys[0])
	if _, fields, text := problems(t, twice); !slices.Equal(fields, []string{"recovery-pgp-keys"}) || !strings.Contains(text, "are the same key") {
		t.Errorf("a key twice: %s", text)
	}
	future := q
	future.RecoveryKeys = append(slices.Clone(q.RecoveryKeys[:4]), key(t, "Future", day.AddDate(1, 0, 0)))
	if _, fields, text := problems(t, future); !slices.Equal(fields, []string{"recovery-pgp-keys"}) || !strings.Contains(text, "future.asc") {
		t.Errorf("a key of tomorrow: %s", text)
	}
}

func TestText(t *testing.T) {
	q := good()
	q.Custodians[1] = "Bob\x1b[2J Baker"
	p, _, text := problems(t, q)
	if p == nil {
		t.Fatal(text)
	}
	got := strings.Join(p.Text(), "\n") + "\n"
	const file = "testdata/init.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	sum := sha256.Sum256(want)
	if p.HashHex() != hex.EncodeToString(sum[:]) {
		t.Error("the hash is not that of the lines: sha256sum says otherwise")
	}
	if strings.ContainsRune(got, 0x1b) {
		t.Error("an escape is in the plan")
	}
}

// TestHash: whatever differs in the plan differs in its hash.
func TestHash(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*plan.Request){
		"nothing": func(*plan.Request) {}, "id": func(q *plan.Request) { q.ID = "KC-2" }, "purpose": func(q *plan.Request) { q.Purpose = "x" },
		"practice": func(q *plan.Request) { q.Practice = true }, "threshold": func(q *plan.Request) { q.RecoveryThreshold = n(2) },
		"token": func(q *plan.Request) { q.RootToken = "none" }, "people": func(q *plan.Request) { q.Custodians[0] = "Anna" },
		"order":  func(q *plan.Request) { q.Custodians[0], q.Custodians[1] = q.Custodians[1], q.Custodians[0] },
		"source": func(q *plan.Request) { q.Values[0].Source = "flag" }, "value": func(q *plan.Request) { q.Values[1].Text = "other" },
		"proof": func(q *plan.Request) { q.SkipProof = true }, "witness": func(q *plan.Request) { q.NoWitness = true },
		"kind": func(q *plan.Request) { q.Kind, q.RootToken = vaultstate.RecoveryRekey, "" },
	} {
		q := good()
		change(&q)
		p, _, text := problems(t, q)
		if p == nil {
			t.Fatal(name, text)
		}
		if other, ok := seen[p.HashHex()]; ok {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[p.HashHex()] = name
	}
}

func TestDefaultID(t *testing.T) {
	if got := plan.DefaultID(true, day); got != "PR-2026-11-25-090000" {
		t.Error(got)
	}
	p, _, _ := problems(t, plan.Request{Kind: plan.Unseal})
	if p.ID != "KC-2026-11-25-090000" {
		t.Error(p.ID)
	}
}

func TestVaultName(t *testing.T) {
	for _, c := range []struct {
		practice bool
		want     string
	}{{false, "openbao"}, {true, "throw-away vault"}} {
		q := good()
		q.Practice = c.practice
		if p, _, _ := problems(t, q); p.VaultName() != c.want {
			t.Errorf("%q, want %q", p.VaultName(), c.want)
		}
	}
}
