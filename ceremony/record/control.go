package record

// Controls are what written rules ask of a ceremony, in a few words, and the
// events that show something of it. Which of them satisfy a rule is the
// auditor's judgement.
var Controls = []Source{
	{Group: "WebTrust 1", Field: "roles and responsibilities of those who take part", From: []string{"person.role"}},
	{Group: "WebTrust 2", Field: "approval for the conduct of the ceremony", From: []string{"approval"}},
	{Group: "WebTrust 3", Field: "cryptographic hardware and activation materials", From: []string{"equipment", "key", "inventory", "answer.field=PIN", "share-entered.result=good"}},
	{Group: "WebTrust 4", Field: "specific steps that were performed", From: []string{"step"}},
	{Group: "WebTrust 5", Field: "physical security of the place"},
	{Group: "WebTrust 6", Field: "secure storage of hardware and activation materials afterwards", From: []string{"kept"}},
	{Group: "WebTrust 7", Field: "sign-off by participants and witnesses that says whether the script was followed", From: []string{"signoff"}},
	{Group: "WebTrust 8", Field: "notation of deviations", From: []string{"deviation", "override", "step.state=skipped", "aborted", "closed"}},

	{Group: "GEN-6.5.1-12", Field: "ETSI EN 319 411-1: roles, functions in each phase, evidence to collect", From: []string{"person.role", "step", "hand-over"}},
	{Group: "GEN-6.5.1-13", Field: "ETSI EN 319 411-1: a report that the procedure was carried out", From: []string{"closed", "aborted"}},
	{Group: "GEN-6.5.1-14", Field: "ETSI EN 319 411-1: the report is signed, for a root also by an independent person", From: []string{"signoff.role=witness", "signoff.role=auditor"}},

	{Group: "BR 5.4.1", Field: "date and time, who made the entry, what happened", From: []string{"*"}},
	{Group: "BR 5.4.1", Field: "life of keys: generation, recovery, replacement", From: []string{"key.generated=true", "signing-key.generated=true", "issued", "swapped", "outcome", "authorised", "calls", "inventory"}},
	{Group: "BR 5.4.1", Field: "life of cryptographic devices", From: []string{"equipment"}},
	{Group: "BR 6.1.1.1", Field: "a script was prepared and followed", From: []string{"header.plan_sha256", "read.title=plan", "step"}},
	{Group: "BR 6.1.1.1", Field: "a qualified auditor witnessed it, or a video of all of it", From: []string{"person.role=auditor"}},
	{Group: "BR 6.1.1.1", Field: "multi-person control and split knowledge", From: []string{"quorum.result=accepted", "issued", "confirmed"}},

	{Group: "PCI 3.7.6", Field: "PCI DSS 4.0.1: split knowledge and dual control of clear-text keys", From: []string{"quorum.result=accepted", "issued", "proven", "confirmed"}},
	{Group: "PCI 3.7.8", Field: "PCI DSS 4.0.1: custodians acknowledge their responsibilities", From: []string{"acknowledged.duties"}},
}

func (p *Page) controls(out *document) {
	out.title("Control matrix")
	out.note("The numbers are events in which something can be seen. Whether that satisfies a rule is the auditor's judgement; this table says nothing of it.")
	group := ""
	for _, c := range Controls {
		out.row(label(btoi(c.Group == group), c.Group), c.Field)
		group = c.Group
		out.row("", "-> "+p.where(c))
	}
}

func (p *Page) sources(out *document) {
	out.title("What a record must have, and where it is in this one")
	group := ""
	for _, s := range Sources {
		out.row(label(btoi(s.Group == group), s.Group), s.Field+": "+p.where(s))
		group = s.Group
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
