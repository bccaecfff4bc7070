package command

import (
	"bytes"
	"slices"

	"conclave/ceremony"
	"conclave/ceremony/plan"
	"conclave/hsm/secret"
)

// What flags and a plan say of people and purposes stands in the record, which
// can never be changed. A share or a token among it, or the PIN, is refused
// before a record begins; it is not shown again.

// text is one public text, and where it was said.
type text struct{ where, said string }

// noSecrets looks at what was asked for.
func noSecrets(q plan.Request, pin secret.Bytes) error {
	list := []text{{"id", q.ID}, {"purpose", q.Purpose}, {"operator", q.Operator}, {"witness", q.Witness}, {"second-medium", q.SecondMedium}, {"anchor", q.Anchor}, {"adopt-state", q.AdoptState},
		{"root-token-receiver", q.RootTokenReceiver}, {"root-token-until", q.RootTokenUntil}, {"root-token-ttl", q.RootTokenTTL}, {"accessor", q.Accessor}}
	for name, names := range map[string][]string{"witness": q.Witnesses, "custodian": q.Custodians, "pin-holder": q.PINHolders, "auditor": q.Auditors} {
		for _, n := range names {
			list = append(list, text{name, n})
		}
	}
	for name, said := range map[string]map[string]string{"organisation": q.Organisations, "reports_to": q.ReportsTo, "site": q.Sites, "email": q.Mail} {
		for _, s := range said {
			list = append(list, text{name, s})
		}
	}
	for _, a := range q.Approvers {
		list = append(list, text{"approver", a.Name}, text{"approver", a.Organisation})
	}
	return screened(append(list, reasons(q.Overrides)...), pin)
}

// reasons are what a plan says of the rules that it weakens.
func reasons(overrides []plan.Override) []text {
	var list []text
	for _, o := range overrides {
		list = append(list, text{"why " + o.ID, o.Why}, text{"who accepts " + o.ID, o.Who})
	}
	return list
}

func screened(list []text, pin secret.Bytes) error {
	bad := slices.IndexFunc(list, func(t text) bool {
		return ceremony.SecretShape(t.said) || pin.Len() > 0 && bytes.Contains([]byte(t.said), pin.Expose())
	})
	if bad < 0 {
		return nil
	}
	return usage("%s: this looks like a share, a PIN, a token or a key. Nothing was touched. What stands there may be kept elsewhere, in the shell's history or the plan's file: treat it as seen.", list[bad].where)
}
